// A host of a test's own, on which a model and an agent may be started.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "tests/support/http_model.h"
#include "tests/support/namespace.h"
#include "tests/support/requirements.h"

namespace tasklane::test {

inline constexpr std::uint16_t models_port = 11434;

class OnAHost : public testing::Test {
 protected:
  void SetUp() override {
    REQUIRE_ROOT_AND_BPF();
    host_ = std::make_unique<Namespace>();
  }
  [[nodiscard]] const Namespace& host() const { return *host_; }
  // Who answers a client that asks the model's port.
  [[nodiscard]] std::string asked(std::string_view address = "127.0.0.1") const {
    return how_answered(host(), at(address, models_port));
  }

 private:
  std::unique_ptr<Namespace> host_;
};

}  // namespace tasklane::test
