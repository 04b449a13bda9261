#include "apps/report/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string_view>

#include "db/files/content_hash.h"

// Defined in report_assets.S.
extern "C" {
extern const char crosslaw_report_html_begin[], crosslaw_report_html_end[];
extern const char crosslaw_report_css_begin[], crosslaw_report_css_end[];
extern const char crosslaw_report_early_js_begin[], crosslaw_report_early_js_end[];
extern const char crosslaw_report_plotly_js_begin[], crosslaw_report_plotly_js_end[];
extern const char crosslaw_report_page_js_begin[], crosslaw_report_page_js_end[];
}

namespace crosslaw::apps {
namespace {

std::string_view part(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

// What a Content-Security-Policy calls a script it allows.
std::string script_source(std::string_view script) {
  return fmt::format("'sha256-{}'", db::sha256_base64(script));
}

// In JSON '<' only occurs inside strings, where \u003c means the same and can end no script
// element.
std::string json_for_html(const nlohmann::ordered_json& data) {
  const std::string text = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  // By pieces: this is megabytes, with hardly any of them.
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t next = std::min(text.find('<', at), text.size());
    safe.append(text, at, next - at);
    if (next < text.size()) safe += "\\u003c";
    at = next + 1;
  }
  return safe;
}

std::string text_for_html(std::string_view text) {
  std::string safe;
  for (char c : text) {
    switch (c) {
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '&':
        safe += "&amp;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

// Replaces each {{name}} of the template once; what is put in is not looked at again.
std::string fill(std::string_view page,
                 const std::map<std::string_view, std::string_view>& values) {
  std::string out;
  for (size_t at = 0; at < page.size();) {
    const size_t open = page.find("{{", at);
    if (open == std::string_view::npos) return out.append(page.substr(at));
    const size_t close = page.find("}}", open);
    if (close == std::string_view::npos) throw std::logic_error("report.html: {{ without }}");
    out.append(page.substr(at, open - at));
    out.append(values.at(page.substr(open + 2, close - open - 2)));
    at = close + 2;
  }
  return out;
}

std::string page_title(const nlohmann::ordered_json& data) {
  const auto name = data.find("name");
  if (name == data.end() || !name->is_string()) return "crosslaw report";
  // Through dump(), which mends broken UTF-8; parsed back to lose the quotes.
  const auto mended =
      nlohmann::json::parse(name->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return text_for_html(mended.get<std::string>()) + " – crosslaw";
}

}  // namespace

std::string render_report(const nlohmann::ordered_json& data) {
  if (!data.is_object() || !data.contains("schema") || data["schema"] != 1) {
    throw std::invalid_argument("report data: expected an object with \"schema\": 1");
  }
  const auto early = part(crosslaw_report_early_js_begin, crosslaw_report_early_js_end);
  const auto plotly = part(crosslaw_report_plotly_js_begin, crosslaw_report_plotly_js_end);
  const auto script = part(crosslaw_report_page_js_begin, crosslaw_report_page_js_end);
  const std::string scripts =
      fmt::format("{} {} {}", script_source(early), script_source(plotly), script_source(script));
  const std::string title = page_title(data);
  const std::string embedded = json_for_html(data);
  return fill(part(crosslaw_report_html_begin, crosslaw_report_html_end),
              {{"title", title},
               {"scripts", scripts},
               {"style", part(crosslaw_report_css_begin, crosslaw_report_css_end)},
               {"early", early},
               {"plotly", plotly},
               {"data", embedded},
               {"script", script}});
}

}  // namespace crosslaw::apps
