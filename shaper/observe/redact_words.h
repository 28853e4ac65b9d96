// The words that stay in a redacted capture: of the protocols' own, none that a person says.
#pragma once

#include <string_view>

namespace tasklane::observe {

// Whether a list, of words with a space between them, has this one.
constexpr bool has_word(std::string_view list, std::string_view word) {
  if (word.empty() || word.find(' ') != std::string_view::npos) return false;
  for (std::size_t at = list.find(word); at != std::string_view::npos; at = list.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || list[at - 1] == ' ') && (end == list.size() || list[end] == ' ')) return true;
  }
  return false;
}

// JSON keys of requests and answers in every dialect.
inline constexpr std::string_view kept_keys =
    "model messages role content stream stream_options include_usage options prompt system template "
    "suffix images tools tool_calls tool_choice functions function type name description arguments "
    "parameters format response_format json_schema schema keep_alive think thinking raw context "
    "temperature top_p top_k min_p seed stop num_ctx num_batch num_gpu num_thread num_predict num_keep "
    "main_gpu use_mmap use_mlock shift draft_num_predict repeat_penalty presence_penalty "
    "frequency_penalty n max_tokens max_completion_tokens n_predict logprobs top_logprobs logit_bias "
    "user metadata reasoning reasoning_content reasoning_effort effort chat_template_kwargs "
    "enable_thinking input instructions text image_url url detail chat_id id object created created_at "
    "done done_reason response message choices index delta finish_reason usage prompt_tokens "
    "completion_tokens total_tokens prompt_tokens_details completion_tokens_details cached_tokens "
    "reasoning_tokens input_tokens output_tokens input_tokens_details output_tokens_details "
    "cache_read_input_tokens cache_creation_input_tokens timings cache_n prompt_n prompt_ms "
    "prompt_per_token_ms prompt_per_second predicted_n predicted_ms predicted_per_token_ms "
    "predicted_per_second total_duration load_duration prompt_eval_count prompt_eval_duration "
    "eval_count eval_duration error code param status system_fingerprint embedding embeddings data "
    "content_block content_block_delta stop_reason stop_sequence output item part sequence_number "
    "output_index content_index item_id best_of echo";

// Keys whose values are words of the protocol.
inline constexpr std::string_view kept_values =
    "model role type object finish_reason done_reason stop_reason format created_at keep_alive "
    "reasoning_effort effort tool_choice";

// Keys behind which all is somebody's own: keys, numbers and all.
inline constexpr std::string_view opaque_keys =
    "arguments parameters schema json_schema metadata logit_bias chat_template_kwargs data context user";

// Keys whose values are prompts.
inline constexpr std::string_view prompt_keys = "content text prompt system input instructions";

// Header fields whose values stay.
inline constexpr std::string_view kept_fields =
    "Content-Length Content-Encoding Transfer-Encoding Connection Keep-Alive Expect Accept-Encoding "
    "Date Upgrade TE Trailer X-OpenWebUI-Task";

// Header fields whose names stay.
inline constexpr std::string_view known_fields =
    "Host User-Agent Accept Accept-Language Authorization Cookie Set-Cookie Origin Referer Server Vary "
    "Content-Type Cache-Control X-Api-Key Api-Key X-Auth-Token Proxy-Authorization X-OpenWebUI-Chat-Id "
    "X-OpenWebUI-Message-Id X-OpenWebUI-User-Id X-OpenWebUI-User-Email X-OpenWebUI-User-Name "
    "X-OpenWebUI-User-Role X-Request-Id X-Forwarded-For X-Real-IP Forwarded Access-Control-Allow-Origin";

// Parts of paths.
inline constexpr std::string_view kept_segments =
    "api chat generate v1 v3 openai ollama completions completion responses messages tags version ps "
    "show models embed embeddings embedding props slots health metrics tokenize detokenize infill "
    "rerank images generations pull push create copy delete blobs apply-template count_tokens "
    "input_tokens status sim log";

}  // namespace tasklane::observe
