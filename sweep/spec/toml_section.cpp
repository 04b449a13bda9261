#include "sweep/spec/toml_section.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "db/files/printable.h"
#include "fit/data/closest_name.h"
#include "sweep/spec/spec_error.h"

namespace crosslaw::sweep {
namespace {

constexpr std::size_t kLongestName = 100;  // a file's name has at most 255

std::string join(const std::set<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return fmt::format("the text \"{}\"", node.as_string()->get());
    case toml::node_type::integer:
      return fmt::format("the number {}", node.as_integer()->get());
    case toml::node_type::floating_point:
      return fmt::format("the number {}", node.as_floating_point()->get());
    case toml::node_type::boolean:
      return node.as_boolean()->get() ? "true" : "false";
    default:
      return "a date";
  }
}

}  // namespace

toml::table parse_toml(const std::filesystem::path& file) {
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    throw SpecError(fmt::format("{}:{}:{}: {}", file.string(), error.source().begin.line,
                                error.source().begin.column, error.description()));
  }
}

TomlSection::TomlSection(const toml::table& table, std::string path,
                         const std::filesystem::path& file)
    : table_(table), path_(std::move(path)), file_(file) {}

void TomlSection::fail(const std::string& key, const std::string& reason) const {
  // A key that is there has a place of its own; a missing one is blamed on its table.
  toml::source_position at = table_.source().begin;
  for (const auto& [name, node] : table_) {
    if (name.str() == key) at = name.source().begin;
  }
  std::string name = path_.empty() ? key : key.empty() ? path_ : path_ + "." + key;
  throw SpecError(
      fmt::format("{}:{}:{}: {}: {}", file_.string(), at.line, at.column, name, reason));
}

const toml::node* TomlSection::node(const std::string& key) {
  asked_.insert(key);
  return table_.get(key);
}

void TomlSection::refuse_misspelt(const std::string& key) const {
  std::vector<std::string> unread;
  for (const auto& [name, value] : table_) {
    if (!asked_.contains(std::string(name.str()))) unread.emplace_back(name.str());
  }
  const std::string misspelt = fit::closest_name(key, unread);
  if (!misspelt.empty()) fail(misspelt, fmt::format("unknown key; did you mean {}?", key));
}

const toml::node& TomlSection::required(const std::string& key) {
  const toml::node* found = node(key);
  if (found) return *found;
  refuse_misspelt(key);
  fail(key, "is missing");
}

template <typename T>
T TomlSection::value(const std::string& key, const toml::node& node, const char* expected) const {
  if constexpr (std::is_same_v<T, double>) {
    if (node.is_integer()) return static_cast<double>(node.as_integer()->get());
    if (node.is_floating_point() && std::isfinite(node.as_floating_point()->get()))
      return node.as_floating_point()->get();
  } else if constexpr (std::is_same_v<T, int64_t>) {
    if (node.is_integer()) return node.as_integer()->get();
    // 1e6 is a floating-point number in TOML and a whole one to everybody else.
    if (node.is_floating_point()) {
      double number = node.as_floating_point()->get();
      // 9e15 is below 2^53, up to where a double holds every whole number.
      if (number == std::floor(number) && std::abs(number) < 9e15)
        return static_cast<int64_t>(number);
    }
  } else if (auto found = node.value_exact<T>()) {
    if constexpr (std::is_same_v<T, std::string>) {
      // Names and paths are printed, and a terminal obeys such characters.
      if (!db::is_plain_name(*found))
        fail(key, fmt::format("\"{}\" holds a control character", db::printable(*found)));
    }
    return *found;
  }
  fail(key, fmt::format("expected {}, found {}", expected, kind_of(node)));
}

template <typename T>
std::vector<T> TomlSection::values(const std::string& key, const char* expected) {
  const toml::array* array = required(key).as_array();
  if (!array)
    fail(key, fmt::format("expected an array of {}, found {}", expected, kind_of(required(key))));
  std::vector<T> result;
  for (const toml::node& element : *array) result.push_back(value<T>(key, element, expected));
  return result;
}

std::string TomlSection::text(const std::string& key) {
  return value<std::string>(key, required(key), "text in quotes");
}
std::string TomlSection::text(const std::string& key, const std::string& otherwise) {
  return node(key) ? text(key) : otherwise;
}
std::string TomlSection::lines(const std::string& key, const std::string& otherwise) {
  if (!node(key)) return otherwise;
  const auto found = required(key).value_exact<std::string>();
  if (!found) return text(key);  // which says what was expected
  std::string plain = *found;
  std::erase_if(plain, [](char c) { return c == '\n' || c == '\t'; });
  if (!db::is_plain_name(plain))
    fail(key, fmt::format("\"{}\" holds a control character", db::printable(*found)));
  return *found;
}
double TomlSection::number(const std::string& key) {
  return value<double>(key, required(key), "a number");
}
double TomlSection::number(const std::string& key, double otherwise) {
  return node(key) ? number(key) : otherwise;
}
int64_t TomlSection::integer(const std::string& key) {
  return value<int64_t>(key, required(key), "a whole number");
}
int64_t TomlSection::integer(const std::string& key, int64_t otherwise) {
  return node(key) ? integer(key) : otherwise;
}
bool TomlSection::boolean(const std::string& key, bool otherwise) {
  return node(key) ? value<bool>(key, required(key), "true or false") : otherwise;
}

std::vector<double> TomlSection::numbers(const std::string& key,
                                         const std::vector<double>& otherwise) {
  return node(key) ? values<double>(key, "numbers") : otherwise;
}

std::vector<int64_t> TomlSection::integers(const std::string& key,
                                           const std::vector<int64_t>& otherwise) {
  return node(key) ? values<int64_t>(key, "whole numbers") : otherwise;
}

std::vector<std::string> TomlSection::texts(const std::string& key) {
  return values<std::string>(key, "texts in quotes");
}

TomlSection TomlSection::section(const std::string& key) {
  const toml::table* table = required(key).as_table();
  if (!table) fail(key, fmt::format("expected a table, found {}", kind_of(required(key))));
  return {*table, path_.empty() ? key : path_ + "." + key, file_};
}

std::vector<TomlSection> TomlSection::sections(const std::string& key) {
  const toml::array* array = required(key).as_array();
  if (!array)
    fail(key, fmt::format("expected [[{}]] tables, found {}", key, kind_of(required(key))));
  std::vector<TomlSection> result;
  for (const toml::node& element : *array) {
    if (!element.is_table()) fail(key, fmt::format("expected tables, found {}", kind_of(element)));
    result.emplace_back(*element.as_table(), path_.empty() ? key : path_ + "." + key, file_);
  }
  return result;
}

std::vector<std::pair<std::string, TomlSection>> TomlSection::each() {
  std::vector<std::pair<std::string, TomlSection>> result;
  for (const auto& [key, node] : table_) {
    const std::string name(key.str());
    // They name files: DIR/data/<name>.train.tokens.
    const bool plain = db::is_plain_name(name) && name.find('/') == std::string::npos;
    if (!plain || name.empty() || name.starts_with('.') || name.size() > kLongestName)
      fail(name, fmt::format("a name must have no '/', no control character and no '.' at its "
                             "beginning, and at most {} bytes, for it names files",
                             kLongestName));
    result.emplace_back(name, section(name));
  }
  return result;
}

void TomlSection::finish() const {
  for (const auto& [key, node] : table_) {
    std::string name(key.str());
    if (asked_.contains(name)) continue;
    // What was asked for is what is known here: no second list of keys that could drift.
    const std::string guess = fit::closest_name(name, {asked_.begin(), asked_.end()});
    fail(name, guess.empty() ? fmt::format("unknown key; known here: {}", join(asked_))
                             : fmt::format("unknown key; did you mean {}?", guess));
  }
}

}  // namespace crosslaw::sweep
