// The page of a replay, in a browser: its bars counted against the figures, by keyboard, on a narrow screen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "observe/small_host.h"
#include "support/temporary_folder.h"
#include "tools/observe/replay_report.h"

namespace tasklane::observe {
namespace {

using testing::HasSubstr;

struct Page {
  nlohmann::ordered_json report;
  std::string html;
};
const Page& page() {
  static const Page made = [] {
    const Trace trace = trace_of(SmallHost().packets);
    const auto servers = fit_servers(trace);
    const Config config = default_config().value();
    const ReplayResult before = replay(trace, {nullptr, servers, 4}),
                       after = replay(trace, {&config, servers, 4});
    Page result{replay_json({trace, "one-model.json", servers, before, after}), {}};
    result.html = replay_page(result.report);
    return result;
  }();
  return made;
}

bool has_browser() { return std::filesystem::exists("/usr/bin/chromium"); }

std::string run(const std::string& command) {
  std::string out;
  FILE* const pipe = ::popen(command.c_str(), "r");
  std::array<char, 65536> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    out.append(buffer.data(), count);
  ::pclose(pipe);
  return out;
}

// The page's document once `script` has run in it.
std::string in_browser(const test::TemporaryFolder& folder, const std::string& script,
                       const std::string& more = "") {
  std::string html = page().html;
  html.insert(html.rfind("</body>"), "<script>" + script + "</script>");
  const std::string file = folder.write("page.html", html);
  return run("timeout 60 chromium --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir=" +
             (folder.path() / "profile").string() + " --virtual-time-budget=3000 " + more +
             " --dump-dom file://" + file + " 2>/dev/null");
}

// The attributes that a script has set on it.
std::string body_tag(const std::string& dom) {
  const std::size_t at = dom.find("<body");
  return at == std::string::npos ? "no page" : dom.substr(at, dom.find('>', at) - at);
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(ThePage, NeedsNoOtherFileAndNoNetwork) {
  const std::string& html = page().html;
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  EXPECT_EQ(html.find("src=\""), std::string::npos);
  EXPECT_EQ(html.find("href=\""), std::string::npos);
  EXPECT_EQ(count(html, "http"), count(html, "http-equiv") + count(html, "http://www.w3.org/2000/svg"));
}

TEST(ThePage, IsNoPlaceForMarkupInNames) {
  Trace trace = trace_of(SmallHost(known_rates(), 1).packets);
  for (ObservedRequest& request : trace.requests) request.model = "</script><script>alert(1)</script>";
  const auto servers = fit_servers(trace);
  const ReplayResult before = replay(trace, {nullptr, servers, 4});
  EXPECT_EQ(replay_page(replay_json({trace, "r", servers, before, before})).find("alert(1)</script>"),
            std::string::npos);
}

TEST(ThePage, HasABarForEachRequestInBothPanels) {
  if (!has_browser()) GTEST_SKIP() << "there is no chromium here";
  const test::TemporaryFolder folder;
  const std::string dom = in_browser(folder, "");
  ASSERT_NE(dom.find("data-ready=\"yes\""), std::string::npos);
  EXPECT_EQ(count(dom, "<g class=\"bar"), 2 * page().report["requests"].size());
}

TEST(ThePage, IsReadByKeyboard) {
  if (!has_browser()) GTEST_SKIP() << "there is no chromium here";
  const test::TemporaryFolder folder;
  const std::string dom = in_browser(folder, R"(
    const key = (k) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: k, bubbles: true, cancelable: true}));
    document.getElementById('would').focus(); key('Home'); key('ArrowRight'); const first = view.slice(); key('+');
    document.body.dataset.story = document.getElementById('story').textContent;
    document.body.dataset.zoomed = view[1] - view[0] < first[1] - first[0];
    key('ArrowUp'); document.body.dataset.focus = document.activeElement.id;)");
  const auto& second = page().report["requests"][1];
  EXPECT_THAT(body_tag(dom), HasSubstr("data-story=\"" + second["class"].get<std::string>() + " " +
                                       std::to_string(second["id"].get<int>())));
  EXPECT_THAT(body_tag(dom), HasSubstr("data-zoomed=\"true\""));
  EXPECT_THAT(body_tag(dom), HasSubstr("data-focus=\"was\""));
}

TEST(ThePage, FitsANarrowScreen) {
  if (!has_browser()) GTEST_SKIP() << "there is no chromium here";
  const test::TemporaryFolder folder;
  const std::string dom =
      in_browser(folder, "document.body.dataset.fits = document.documentElement.scrollWidth <= innerWidth;",
                 "--window-size=500,900");
  EXPECT_THAT(body_tag(dom), HasSubstr("data-fits=\"true\""));
}

TEST(ThePage, LooksAsItsPicturesShow) {
  if (!has_browser()) GTEST_SKIP() << "there is no chromium here";
  const test::TemporaryFolder folder;
  const std::string file = folder.write("page.html", page().html);
  const std::filesystem::path pictures = TASKLANE_BUILD_DIR "/pictures";
  std::filesystem::create_directories(pictures);
  for (const auto& [name, options] : std::vector<std::pair<std::string, std::string>>{
           {"replay", "--window-size=1280,1900"},
           {"replay-dark",
            "--window-size=1280,1900 --force-dark-mode --blink-settings=preferredColorScheme=0"},
           {"replay-narrow", "--window-size=500,2600"}}) {
    const std::filesystem::path picture = pictures / (name + ".png");
    std::filesystem::remove(picture);
    run("timeout 60 chromium --headless --no-sandbox --disable-gpu --no-first-run --hide-scrollbars "
        "--user-data-dir=" +
        (folder.path() / name).string() + " --virtual-time-budget=3000 " + options +
        " --screenshot=" + picture.string() + " file://" + file + " 2>/dev/null");
    EXPECT_GT(std::filesystem::exists(picture) ? std::filesystem::file_size(picture) : 0, 20'000u) << picture;
  }
}

}  // namespace
}  // namespace tasklane::observe
