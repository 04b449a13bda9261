#include "fit/data/nested_cells.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "fit/data/json_records.h"

namespace crosslaw::fit {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kWords = {
    {{"None", "null"},
     {"True", "true"},
     {"False", "false"},
     {"nan", "null"},
     {"-inf", "null"},
     {"inf", "null"},
     {"Infinity", "null"}}};

// A string in either quotes from `at` on, in JSON's quotes; `at` moves to its last character.
std::string json_string(std::string_view text, std::size_t& at) {
  const char quote = text[at];
  std::string out = "\"";
  for (++at; at < text.size() && text[at] != quote; ++at) {
    if (text[at] == '"') {
      out += "\\\"";
    } else if (text[at] == '\\' && at + 1 < text.size()) {
      const char next = text[++at];
      if (next != '\'') out += '\\';  // which JSON does not escape
      out += next;
    } else {
      out += text[at];
    }
  }
  return out + '"';
}

bool looks_like_object(std::string_view cell) {
  cell = trimmed(cell);
  return cell.size() >= 2 && cell.front() == '{' && cell.back() == '}';
}

using Row = std::vector<NamedCell>;

// What the cells of a column hold, one a row. Absent: some cell is no object, or all are blank.
std::optional<std::vector<Row>> objects_in(const Records& records, std::size_t column) {
  std::vector<Row> out(records.rows.size());
  bool any = false;
  for (std::size_t r = 0; r < out.size(); ++r) {
    const std::string& cell = records.rows[r][column];
    if (is_missing(cell)) continue;
    if (!looks_like_object(cell)) return std::nullopt;
    auto fields = object_fields(cell, records.columns[column]);
    if (!fields) fields = object_fields(python_as_json(cell), records.columns[column]);
    if (!fields) return std::nullopt;
    out[r] = std::move(*fields);
    any = true;
  }
  return any ? std::optional(std::move(out)) : std::nullopt;
}

void add_columns(std::vector<Row> objects, Records& records) {
  for (std::size_t r = 0; r < objects.size(); ++r) {
    for (auto& [column, text] : objects[r]) {
      const auto found = std::find(records.columns.begin(), records.columns.end(), column);
      const auto at = static_cast<std::size_t>(found - records.columns.begin());
      if (found == records.columns.end()) {
        records.columns.push_back(column);
        for (auto& row : records.rows) row.emplace_back();
      }
      records.rows[r][at] = std::move(text);
    }
  }
}

void remove_column(Records& records, std::size_t column) {
  const auto at = static_cast<std::ptrdiff_t>(column);
  records.columns.erase(records.columns.begin() + at);
  for (auto& row : records.rows) row.erase(row.begin() + at);
}

}  // namespace

std::string python_as_json(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\'' || c == '"') {
      out += json_string(text, at);
      continue;
    }
    const auto* const word = std::find_if(kWords.begin(), kWords.end(), [&](const auto& each) {
      return text.substr(at).starts_with(each.first);
    });
    if (word != kWords.end()) {
      out += word->second;
      at += word->first.size() - 1;
    } else {
      out += c == '(' ? '[' : c == ')' ? ']' : c;
    }
  }
  return out;
}

void expand_nested_cells(Records& records) {
  std::vector<std::string> expanded;
  const std::size_t first_new = records.columns.size();
  for (std::size_t c = first_new; c-- > 0;) {
    auto objects = objects_in(records, c);
    if (!objects) continue;
    expanded.push_back(records.columns[c]);
    add_columns(std::move(*objects), records);
    remove_column(records, c);
  }
  if (expanded.empty()) return;
  records.notes.push_back(fmt::format(
      "{} {} objects: each value is a column, such as '{}'", fmt::join(expanded, ", "),
      expanded.size() > 1 ? "hold" : "holds", records.columns[first_new - expanded.size()]));
}

}  // namespace crosslaw::fit
