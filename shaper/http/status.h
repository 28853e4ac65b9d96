// The status codes that the life of a task tells apart or answers with (RFC 9110 section 15; 429: RFC 6585).
#pragma once

namespace tasklane::http_status {

inline constexpr int ok = 200;
inline constexpr int bad_request = 400;
inline constexpr int over_rate = 429;
inline constexpr int bad_gateway = 502;
inline constexpr int not_now = 503;

}  // namespace tasklane::http_status
