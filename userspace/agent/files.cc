#include "userspace/agent/files.h"

#include <unistd.h>

#include <cerrno>

#include "userspace/agent/parts.h"
#include "userspace/serve/services.h"

namespace tasklane {
namespace {

// The agent has become somebody who may not read what whoever started it could.
bool takes_privilege(const std::filesystem::path& file) {
  return ::access(file.c_str(), R_OK) != 0 && (errno == EACCES || errno == EPERM);
}

}  // namespace

std::filesystem::path config_file(const AgentOptions& options) {
  return options.config.value_or(usual_config_file);
}

std::vector<std::filesystem::path> pack_folders(const AgentOptions& options) {
  std::vector<std::filesystem::path> folders;
  if (options.config) folders.push_back(options.config->parent_path() / "packs");
  folders.emplace_back("/etc/tasklane/packs");
  return folders;
}

Result<Config> config_of(const AgentOptions& options, Helper* helper) {
  const std::filesystem::path file = config_file(options);
  if (helper == nullptr || !takes_privilege(file)) return options.config ? load_config(file) : usual_config();
  const Result<std::optional<std::string>> text = helper->read(file);
  if (!text) return text.error();
  if (!*text) return Error{"the configuration cannot be read", file.string(), ""};
  return parse_config(**text, file.string());
}

ServiceFiles service_files(Helper* helper) {
  const auto read = [helper](const std::filesystem::path& file) -> Result<std::string> {
    Result<std::optional<std::string>> text = helper->read(file);
    if (!text) return text.error();
    if (*text) return Result<std::string>(boost::system::in_place_value, std::move(**text));
    return Error{"this user may not read it, and it was not named when the agent was started", file.string(),
                 "let the user tasklane read it, or start the agent anew"};
  };
  ServiceFiles files;
  if (helper == nullptr) return files;
  // A key that this process may not read, others may not either.
  files.key = [read](const std::filesystem::path& file) -> Result<std::string> {
    if (!takes_privilege(file)) return read_key(file);
    const Result<std::string> text = read(file);
    if (!text) return text.error();
    return key_in(file, *text);
  };
  files.authorities = [read](const std::filesystem::path& file) {
    return takes_privilege(file) ? read(file) : read_authorities(file);
  };
  return files;
}

// Where only the helper can look there may be the pack or not; one that it cannot read is none.
Result<std::vector<std::shared_ptr<const Pack>>> packs_of(const Config& config, const AgentOptions& options,
                                                          Helper* helper) {
  const ReadPack read = [helper](const std::filesystem::path& file) -> Result<std::optional<std::string>> {
    return helper != nullptr && takes_privilege(file) ? helper->read(file) : read_pack(file);
  };
  return find_packs(config.packs, pack_folders(options), read);
}

}  // namespace tasklane
