// Which network namespace is meant, as it is written.
#include "shaper/base/namespace_wish.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tasklane {
namespace {

using WishKind = NamespaceWish::Kind;
using testing::HasSubstr;

TEST(ANamespaceWish, IsANameAPathAProcessAContainerOrAListener) {
  EXPECT_EQ(parse_namespace_wish("models")->kind, WishKind::named);
  EXPECT_EQ(parse_namespace_wish("/run/docker/netns/1a2b")->kind, WishKind::path);
  EXPECT_EQ(parse_namespace_wish("4711")->kind, WishKind::process);
  const NamespaceWish container = parse_namespace_wish("container:open-webui_ollama.1").value();
  EXPECT_EQ(container.kind, WishKind::container);
  EXPECT_EQ(container.name, "open-webui_ollama.1");
  const NamespaceWish listener = parse_namespace_wish("of-listener:11434").value();
  EXPECT_EQ(listener.kind, WishKind::of_listener);
  EXPECT_EQ(listener.port, 11434);
}

TEST(ANamespaceWish, ThatIsNoneSaysWhatToWrite) {
  for (const char* bad : {"", ".", ".."})
    EXPECT_THAT(parse_namespace_wish(bad).error().text(), HasSubstr("give a NAME")) << bad;
  for (const char* bad :
       {"container:", "container:a b", "container:../x", "container:a/json?x", "container:-a"})
    EXPECT_THAT(parse_namespace_wish(bad).error().text(), HasSubstr("container:ollama")) << bad;
  for (const char* bad : {"of-listener:", "of-listener:0", "of-listener:65536", "of-listener:80x"})
    EXPECT_THAT(parse_namespace_wish(bad).error().text(), HasSubstr("of-listener:11434")) << bad;
}

}  // namespace
}  // namespace tasklane
