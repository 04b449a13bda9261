#include "apps/report/report_page.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/report/report_data.h"
#include "tests/apps/planted_demo.h"
#include "tests/support/catch.h"

namespace crosslaw::apps {
namespace {

using tests::planted_demo;

nlohmann::ordered_json named(const std::string& name) { return {{"schema", 1}, {"name", name}}; }

size_t count(const std::string& text, const std::string& word) {
  size_t found = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const size_t open = text.find(from);
  REQUIRE(open != std::string::npos);
  const size_t start = open + from.size(), close = text.find(to, start);
  REQUIRE(close != std::string::npos);
  return text.substr(start, close - start);
}

std::string data_of(const std::string& page) {
  return between(page, "<script type=\"application/json\" id=\"crosslaw-data\">", "</script>");
}

TEST_CASE("The data of the page read back as they were given") {
  const nlohmann::ordered_json data = report_data(planted_demo().store, planted_demo().observations,
                                                  planted_demo().fits, "crosslaw report x");
  CHECK(nlohmann::ordered_json::parse(data_of(render_report(data))) == data);
}

TEST_CASE("Rendering the same data twice gives the same bytes") {
  CHECK(render_report(named("demo")) == render_report(named("demo")));
}

TEST_CASE("The page carries plotly and names nothing to fetch") {
  const std::string page = render_report(named("demo"));
  CHECK(page.find("plotly.js v") != std::string::npos);
  CHECK(page.find("<script src") == std::string::npos);
  CHECK(page.find("<link") == std::string::npos);
  CHECK(page.find("@import") == std::string::npos);
  CHECK(page.find("default-src 'none'") != std::string::npos);
}

TEST_CASE("No placeholder of the template is left") {
  const std::string page = render_report(named("demo"));
  const std::string head = page.substr(0, page.find("plotly.js v"));
  for (const char* name : {"{{title}}", "{{scripts}}", "{{style}}", "{{early}}", "{{data}}"}) {
    CHECK(head.find(name) == std::string::npos);
  }
}

TEST_CASE("A placeholder inside the data stays text") {
  const std::string page = render_report(named("{{plotly}}"));
  CHECK(nlohmann::json::parse(data_of(page))["name"] == "{{plotly}}");
}

TEST_CASE("Each script element that runs is named by its hash") {
  const std::string page = render_report(named("demo"));
  CHECK(count(between(page, "script-src", ";"), "'sha256-") == 3);
  // Early and page script run at once; plotly is text until the page script makes it a script.
  CHECK(count(page, "<script>") == 2);
  CHECK(count(page, "<script type=\"text/plain\"") == 1);
  CHECK(count(page, "<script type=\"application/json\"") == 2);
  // None of the parts may end its own element, or open the state in which it cannot be ended.
  CHECK(count(page, "</script") == 5);
}

TEST_CASE("Hostile strings end no element and open none") {
  for (const std::string hostile : {"</script><script>alert(1)</script>", "<!--<script>",
                                    "</title><img src=x>", "\" onload=\"x"}) {
    CAPTURE(hostile);
    const std::string page = render_report(named(hostile));
    CHECK(page.find(hostile) == std::string::npos);
    CHECK(count(page, "<script>") == 2);
    CHECK(count(page.substr(0, page.find("<style>")), "</title>") == 1);
    CHECK(data_of(page).find('<') == std::string::npos);
    CHECK(nlohmann::json::parse(data_of(page))["name"] == hostile);
  }
}

TEST_CASE("The title shows the name of the sweep") {
  CHECK(between(render_report(named("a < b & c")), "<title>", "</title>") ==
        "a &lt; b &amp; c – crosslaw");
  CHECK(between(render_report({{"schema", 1}}), "<title>", "</title>") == "crosslaw report");
}

TEST_CASE("Text that is not UTF-8 is mended, not refused") {
  const std::string page = render_report(named("caf\xe9"));
  CHECK(nlohmann::json::parse(data_of(page))["name"] == "caf\uFFFD");
}

TEST_CASE("A number that JSON cannot hold becomes unknown") {
  nlohmann::ordered_json data = named("demo");
  data["totals"]["flops"] = std::numeric_limits<double>::infinity();
  CHECK(nlohmann::json::parse(data_of(render_report(data)))["totals"]["flops"].is_null());
}

TEST_CASE("Doubles keep all their digits") {
  nlohmann::ordered_json data = named("demo");
  data["totals"]["flops"] = 0.1 + 0.2;
  CHECK(nlohmann::json::parse(data_of(render_report(data)))["totals"]["flops"].get<double>() ==
        0.1 + 0.2);
}

TEST_CASE("Data of another schema are refused") {
  CHECK_THROWS_AS(render_report({{"schema", 2}}), std::invalid_argument);
  CHECK_THROWS_AS(render_report({{"name", "demo"}}), std::invalid_argument);
  CHECK_THROWS_AS(render_report(nlohmann::ordered_json::array()), std::invalid_argument);
}

}  // namespace
}  // namespace crosslaw::apps
