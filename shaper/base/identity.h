// Who and what a request belongs to, as three types that cannot be taken for one another. All are keyed
// hashes for one run of the agent, never text. A default one is unknown, and equals nothing that is known.
//
//   Tenant        whose traffic it is: the client's address, its program, its credentials and the person that
//                 a header names. Nothing is shared or remembered across tenants
//   Conversation  a chat by its messages: what extends it is its next turn
//   Editor        where somebody types: tenant, the whole history that is quoted, the kind of text
// And beside them, made of a tenant:
//   Typist        who sends what is typed: by a header, by the chat, by the tenant alone
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace tasklane {

template <class Tag>
class Identity {
 public:
  constexpr Identity() = default;
  explicit constexpr Identity(std::uint64_t value) : value_(value) {}

  [[nodiscard]] constexpr bool known() const { return value_ != 0; }
  // For hashing it into a key. Never to be compared with that of another type.
  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  constexpr auto operator<=>(const Identity&) const = default;

 private:
  std::uint64_t value_ = 0;
};

using Tenant = Identity<struct TenantTag>;
using Editor = Identity<struct EditorTag>;
using Typist = Identity<struct TypistTag>;

// A hash chain over (role, content), with the tenant at its start: two chats that begin with the same word
// are two, and so are two tenants' that say the same. Cheap to copy.
class Conversation {
 public:
  Conversation() = default;
  // `links` of the chain, one for each message.
  explicit Conversation(std::vector<std::uint64_t> links)
      : links_(std::make_shared<const std::vector<std::uint64_t>>(std::move(links))) {}

  [[nodiscard]] bool known() const { return links_ != nullptr && !links_->empty(); }
  // Whether it holds all messages of `earlier`, in order and unchanged, and maybe more behind them.
  [[nodiscard]] bool extends(const Conversation& earlier) const {
    if (!known() || !earlier.known() || links_->size() < earlier.links_->size()) return false;
    return (*links_)[earlier.links_->size() - 1] == earlier.links_->back();
  }
  bool operator==(const Conversation& other) const {
    return known() == other.known() && (!known() || *links_ == *other.links_);
  }
  // The last link; 0 where unknown.
  [[nodiscard]] std::uint64_t value() const { return known() ? links_->back() : 0; }

 private:
  std::shared_ptr<const std::vector<std::uint64_t>> links_;
};

}  // namespace tasklane

template <class Tag>
struct std::hash<tasklane::Identity<Tag>> {
  std::size_t operator()(const tasklane::Identity<Tag>& identity) const noexcept {
    return static_cast<std::size_t>(identity.value());
  }
};
