// Writes captures as pcapng, with a comment about them (libpcap writes pcap alone, which has no place for
// one): https://www.ietf.org/archive/id/draft-tuexen-opsawg-pcapng-05.html
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "shaper/base/result.h"
#include "shaper/base/time.h"

namespace tasklane::observe {

class PcapngWriter {
 public:
  // Readable by its owner alone, for a capture holds what people say. `link_number`: as in files.
  static Result<PcapngWriter> create(const std::string& path, int link_number, const std::string& comment);

  void write(std::string_view frame, std::size_t wire_length, Time at);
  // Error: the disk is full, or the like.
  Result<void> close();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }  // NOLINT: its owner calls it
  };
  PcapngWriter(std::unique_ptr<std::FILE, Close> file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}
  void block(std::uint32_t type, const std::string& body);

  std::unique_ptr<std::FILE, Close> file_;
  std::string path_;
  bool failed_ = false;
};

}  // namespace tasklane::observe
