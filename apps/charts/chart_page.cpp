#include "apps/charts/chart_page.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <utility>

namespace crosslaw::charts {
namespace {

constexpr const char* kStyle = R"(
body { margin: 0 auto; max-width: 1480px; padding: 24px; color: #1f2328; background: #fff;
  font: 15px/1.5 Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif; }
h1, p { overflow-wrap: anywhere; }
h1 { font-size: 24px; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 28px 0 8px; }
p { margin: 4px 0; max-width: 75em; }
.formula { font: italic 18px/1.6 Georgia, "Liberation Serif", "DejaVu Serif", serif; }
.formula sup { line-height: 0; }
.facts { color: #5c6670; }
.warning { border-left: 4px solid #d55e00; padding: 2px 0 2px 10px; margin: 8px 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 14px 4px 0; text-align: right; white-space: nowrap;
  border-bottom: 1px solid #dfe3e7; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #5c6670; }
tbody th { font-weight: 600; }
.charts { display: grid; gap: 20px 16px; margin-top: 24px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); }
figure { margin: 0; break-inside: avoid; }
figure svg { width: 100%; height: auto; display: block; }
figcaption { font-size: 13px; color: #454d55; padding: 0 12px; }
@media screen and (prefers-color-scheme: dark) {
  body { color: #e9ecef; background: #181c20; }
  .facts, figcaption { color: #a0abb5; }
  th, td { border-color: #3a424a; }
  figure svg { filter: invert(0.9) hue-rotate(180deg); } }
@media print { body { padding: 0; font-size: 10pt; }
  .charts { grid-template-columns: 1fr 1fr; } }
)";

std::string_view greek(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kLetters = {
      {{"alpha", "&alpha;"},
       {"beta", "&beta;"},
       {"gamma", "&gamma;"},
       {"delta", "&delta;"},
       {"kappa", "&kappa;"}}};
  for (const auto& [word, letter] : kLetters) {
    if (word == name) return letter;
  }
  return {};
}

bool is_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::string html_word(std::string_view word) {
  const std::string_view letter = greek(word);
  return letter.empty() ? escaped(word) : std::string(letter);
}

std::string paragraph(const std::string& style, const std::string& text) {
  return fmt::format("<p class=\"{}\">{}</p>\n", style, escaped(text));
}

}  // namespace

std::string html_formula(std::string_view formula) {
  std::string out;
  for (std::size_t at = 0; at < formula.size();) {
    const bool raised = formula[at] == '^';
    std::size_t end = at + (raised ? 1 : 0);
    const std::size_t begin = end;
    while (end < formula.size() && is_letter(formula[end])) ++end;
    const std::string word = html_word(formula.substr(begin, end - begin));
    if (end > begin && raised) {
      // The prime of D^beta' belongs to the exponent, that of N' to the line.
      std::string prime;
      if (end < formula.size() && formula[end] == '\'') {
        prime = "&prime;";
        ++end;
      }
      out += "<sup>" + word + prime + "</sup>";
    } else if (end > begin) {
      out += word;
    } else {
      out += escaped(formula.substr(at, 1));
      end = at + 1;
    }
    at = end;
  }
  return out;
}

std::string html_table(const fit::Table& table) {
  std::string out = "<div class=\"wide\"><table>\n<thead><tr>";
  for (const std::string& cell : table.header) {
    out += fmt::format("<th scope=\"col\">{}</th>", escaped(cell));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    out += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) {
      out += c == 0 ? fmt::format("<th scope=\"row\">{}</th>", escaped(row[c]))
                    : fmt::format("<td>{}</td>", escaped(row[c]));
    }
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table></div>\n";
}

std::string html_page(const Document& document) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
      "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{0}</title>\n"
      "<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
      escaped(document.heading.title), kStyle);
  if (!document.formula.empty()) {
    out += "<p class=\"formula\">" + html_formula(document.formula) + "</p>\n";
  }
  for (const std::string& line : document.heading.lines) out += paragraph("facts", line);
  for (const std::string& each : document.heading.warnings) out += paragraph("warning", each);
  for (const NamedTable& each : document.tables) {
    // A fit from scratch, say, saves nothing by continuing: no heading without a table.
    if (each.table.rows.empty()) continue;
    out += fmt::format("<h2>{}</h2>\n", escaped(each.title)) + html_table(each.table);
  }
  if (!document.sentences.empty()) out += "<h2>How far to trust it</h2>\n";
  for (const std::string& each : document.sentences) out += paragraph("sentence", each);
  out += "<div class=\"charts\">\n";
  for (std::size_t i = 0; i < document.panels.size(); ++i) {
    const Panel& panel = document.panels[i];
    out += "<figure>\n" + svg_element(panel, fmt::format("figure{}", i + 1)) +
           fmt::format("<figcaption>{}</figcaption>\n</figure>\n", escaped(panel.caption));
  }
  return out + "</div>\n</body>\n</html>\n";
}

std::string svg_page(const Document& document) {
  Heading heading = document.heading;
  if (!document.in_short.empty()) {
    heading.lines.insert(heading.lines.begin(), document.in_short);
  }
  if (!document.formula.empty()) heading.lines.insert(heading.lines.begin(), document.formula);
  return svg_document(heading, document.panels);
}

}  // namespace crosslaw::charts
