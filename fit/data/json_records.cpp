#include "fit/data/json_records.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fit/data/column_role.h"

namespace crosslaw::fit {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostKeys = 4096;  // every row has a field for every key of any row
constexpr int kDeepest = 8;              // objects inside each other that become dotted paths

[[noreturn]] void refuse_json(const std::string& name, const std::string& what) {
  throw std::invalid_argument(fmt::format("{}: {}", name, what));
}

// Python's NaN and Infinity, outside of strings, become texts that count as missing.
std::string with_quoted_nan(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inside && c == '\\' && i + 1 < text.size()) {
      out += c;
      out += text[++i];
      continue;
    }
    if (c == '"') inside = !inside;
    const std::string_view rest = text.substr(i);
    bool replaced = false;
    for (const std::string_view word : {"NaN", "-Infinity", "Infinity"}) {
      if (inside || !rest.starts_with(word)) continue;
      out += word == "NaN" ? "\"nan\"" : "\"inf\"";
      i += word.size() - 1;
      replaced = true;
      break;
    }
    if (!replaced) out += c;
  }
  return out;
}

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  // Not written out: a million brackets inside each other would take as many calls.
  if (value.is_structured()) return value.is_array() ? "[...]" : "{...}";
  return value.dump();
}

// What W&B wraps a setting in: {"value": x}, with or without "desc".
const Json& unwrapped(const Json& value) {
  const bool wrapped = value.is_object() && value.contains("value") &&
                       value.size() == (value.contains("desc") ? 2u : 1u);
  return wrapped ? value.at("value") : value;
}

// Gives `take` every value of an object with its dotted path.
void flatten(const Json& object, const std::string& path, int depth,
             const std::function<void(const std::string&, std::string)>& take) {
  for (const auto& [key, wrapped] : object.items()) {
    const Json& value = unwrapped(wrapped);
    const std::string column = path.empty() ? key : path + "." + key;
    if (value.is_object() && !value.empty() && depth < kDeepest) {
      flatten(value, column, depth + 1, take);
    } else {
      take(column, text_of(value));
    }
  }
}

// Collects rows whose columns come up one after the other.
class RowCollector {
 public:
  explicit RowCollector(Records& out) : out_(out) {}

  void begin(std::size_t line) {
    out_.rows.emplace_back(out_.columns.size());
    out_.lines.push_back(line);
  }

  void set(const std::string& column, std::string text) {
    const auto [found, added] = places_.try_emplace(column, out_.columns.size());
    if (added) {
      if (out_.columns.size() == kMostKeys) {
        refuse_json(out_.name, fmt::format("{}: more than {} different keys: no table",
                                           out_.place(out_.rows.size() - 1), kMostKeys));
      }
      out_.columns.push_back(column);
    }
    std::vector<std::string>& row = out_.rows.back();
    if (row.size() <= found->second) row.resize(found->second + 1);
    row[found->second] = std::move(text);
  }

  void add(const Json& object, std::size_t line) {
    if (!object.is_object()) {
      refuse_json(out_.name,
                  fmt::format("{} {}: expected a JSON object such as {{\"N\": 1e8, ...}}",
                              out_.lines_are_rows ? "row" : "line", line));
    }
    begin(line);
    flatten(object, "", 0,
            [&](const std::string& column, std::string text) { set(column, std::move(text)); });
  }

  void finish() {
    for (std::vector<std::string>& row : out_.rows) row.resize(out_.columns.size());
  }

 private:
  Records& out_;
  std::unordered_map<std::string, std::size_t> places_;
};

bool every(const Json& list, bool (*holds)(const Json&)) {
  return !list.empty() && std::all_of(list.begin(), list.end(), holds);
}
bool is_object(const Json& value) { return value.is_object(); }
bool is_array(const Json& value) { return value.is_array(); }
bool is_string(const Json& value) { return value.is_string(); }

bool is_list_of_objects(const Json& value) { return value.is_array() && every(value, is_object); }

// Objects that share at least half of their keys: rows or columns, not the parts of one row.
bool are_alike(const Json& objects) {
  if (objects.size() < 2 || !every(objects, is_object)) return false;
  const Json& first = *objects.begin();
  const Json& second = *std::next(objects.begin());
  if (first.contains("value")) return false;
  std::size_t shared = 0;
  for (const auto& [key, ignored] : first.items()) shared += second.contains(key) ? 1 : 0;
  return shared > 0 && 2 * shared >= std::max(first.size(), second.size());
}

std::size_t roles_among(const Json& object) {
  std::size_t out = 0;
  for (const auto& [key, ignored] : object.items()) out += names_some_role(key) ? 1 : 0;
  return out;
}

class DocumentReader {
 public:
  explicit DocumentReader(Records& out) : out_(out), rows_(out) { out_.lines_are_rows = true; }

  void read(const Json& document) {
    if (document.is_array()) {
      read_array(document);
    } else if (document.is_object()) {
      read_object(document);
    } else {
      refuse_json(out_.name, "expected JSON objects, one a row");
    }
    rows_.finish();
  }

 private:
  void read_array(const Json& list) {
    out_.format = "json array";
    if (!every(list, is_array)) {
      for (const Json& each : list) rows_.add(each, out_.rows.size() + 1);
      return;
    }
    if (!every(list.front(), is_string)) {
      refuse_json(out_.name,
                  "rows without names of columns (pandas' orient=\"values\"); write "
                  "to_json(orient=\"records\")");
    }
    for (std::size_t i = 1; i < list.size(); ++i) add_cells(list.front(), list[i]);
  }

  void add_cells(const Json& columns, const Json& cells) {
    rows_.begin(out_.rows.size() + 1);
    if (!cells.is_array() || cells.size() != columns.size()) {
      refuse_json(out_.name,
                  fmt::format("row {}: expected {} values", out_.rows.size(), columns.size()));
    }
    for (std::size_t c = 0; c < columns.size(); ++c) {
      rows_.set(text_of(columns[c]), text_of(cells[c]));
    }
  }

  void read_object(const Json& object) {
    const auto data = object.find("data");
    if (object.contains("columns") && data != object.end() && object["columns"].is_array() &&
        data->is_array()) {
      out_.format = "json, orient split";
      for (const Json& cells : *data) add_cells(object["columns"], cells);
    } else if (const std::size_t length = length_of_lists(object); length > 0) {
      read_lists(object, length);
    } else if (are_alike(object)) {
      read_keyed(object);
    } else {
      read_inner_table(object);
    }
  }

  // Values that are no list hold for every row.
  void read_lists(const Json& object, std::size_t length) {
    out_.format = "json object of lists";
    for (std::size_t i = 0; i < length; ++i) {
      rows_.begin(i + 1);
      for (const auto& [key, value] : object.items()) {
        rows_.set(key, text_of(value.is_array() ? value[i] : value));
      }
    }
  }

  // {"N": {"0": ..}, ..} has its columns outside, {"run-a": {"N": ..}, ..} inside.
  void read_keyed(const Json& object) {
    const Json& first = *object.begin();
    if (roles_among(object) <= roles_among(first)) {
      out_.format = "json object of rows";
      for (const auto& [key, row] : object.items()) {
        rows_.add(row, out_.rows.size() + 1);
        if (!row.contains("key")) rows_.set("key", key);
      }
      return;
    }
    out_.format = "json, orient columns";
    std::set<std::string> names;  // of rows, of which a column may lack some
    for (const Json& cells : object) {
      for (const auto& [row, ignored] : cells.items()) names.insert(row);
    }
    for (const std::string& row : names) {
      rows_.begin(out_.rows.size() + 1);
      for (const auto& [column, cells] : object.items()) {
        rows_.set(column, cells.contains(row) ? text_of(cells.at(row)) : "");
      }
    }
  }

  // Of an object whose columns are lists; 0: it is none.
  std::size_t length_of_lists(const Json& object) const {
    const auto first = std::find_if(object.begin(), object.end(), is_array);
    if (first == object.end() || is_list_of_objects(*first)) return 0;
    std::size_t named = 0;  // lists that are surely columns
    bool whole = true, equal = true;
    for (const auto& [key, value] : object.items()) {
      whole = whole && value.is_array();
      if (!value.is_array()) continue;
      equal = equal && value.size() == first->size();
      named += names_some_role(key) ? 1 : 0;
    }
    if (!whole && (named < 2 || !equal)) return 0;  // a run whose settings are lists
    for (const auto& [key, list] : object.items()) {
      if (!list.is_array() || list.size() == first->size()) continue;
      refuse_json(out_.name, fmt::format("'{}' has {} values, '{}' {}", key, list.size(),
                                         first.key(), first->size()));
    }
    return first->size();
  }

  void read_inner_table(const Json& object) {
    std::vector<std::string> tables;
    for (const auto& [key, value] : object.items()) {
      if (is_list_of_objects(value) || are_alike(value)) tables.push_back(key);
    }
    if (tables.size() > 1) {
      refuse_json(out_.name,
                  fmt::format("there is a table under each of {}; save one of them alone",
                              fmt::join(tables, ", ")));
    }
    if (tables.empty()) return rows_.add(object, 1);
    const Json& inner = object.at(tables.front());
    inner.is_array() ? read_array(inner) : read_object(inner);
    std::vector<std::string> beside;
    for (const auto& [key, value] : object.items()) {
      if (value.is_structured() && key != tables.front()) beside.push_back(key);
    }
    if (tables.front() != "data" || !beside.empty()) {
      out_.notes.push_back(fmt::format(
          "rows are those of '{}'{}", tables.front(),
          beside.empty() ? ""
                         : fmt::format("; what is under {} is left out", fmt::join(beside, ", "))));
    }
  }

  Records& out_;
  RowCollector rows_;
};

Json parse_one(std::string_view text, const std::string& name, std::size_t first_line) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    const std::size_t at = std::min(error.byte > 0 ? error.byte - 1 : 0, text.size());
    const auto line = static_cast<std::size_t>(
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    const std::string near(trimmed(text.substr(at < 15 ? 0 : at - 15, 30)));
    throw std::invalid_argument(
        fmt::format("{}, line {}: not valid JSON near '{}'", name, first_line + line, near));
  } catch (const Json::exception&) {
    throw std::invalid_argument(
        fmt::format("{}, line {}: not valid JSON: a number is beyond a double", name, first_line));
  }
}

// Whether a line is a whole value and another follows: the text is JSON lines.
bool is_lines(std::string_view text) {
  const std::string_view content = trimmed(text);
  const std::size_t end = content.find('\n');
  if (end == std::string_view::npos) return false;
  return Json::accept(content.substr(0, end));
}

void read_lines(std::string_view text, Records& out) {
  out.format = "json lines";
  RowCollector rows(out);
  std::size_t line = 0;
  while (!text.empty()) {
    ++line;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view one = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!one.empty()) rows.add(parse_one(one, out.name, line), line);
  }
  rows.finish();
}

}  // namespace

std::optional<std::vector<NamedCell>> object_fields(std::string_view text,
                                                    const std::string& path) {
  const Json value = Json::parse(with_quoted_nan(text), nullptr, false);
  if (!value.is_object()) return std::nullopt;
  std::vector<NamedCell> out;
  flatten(value, path, 0, [&](const std::string& column, std::string cell) {
    out.emplace_back(column, std::move(cell));
  });
  return out;
}

Records parse_json_records(std::string_view text, const std::string& name) {
  Records out;
  out.name = name;
  const std::string clean = with_quoted_nan(text);
  if (is_lines(clean)) {
    read_lines(clean, out);
  } else {
    DocumentReader(out).read(parse_one(clean, name, 1));
    if (out.format.empty()) out.format = "json lines";
  }
  return out;
}

}  // namespace crosslaw::fit
