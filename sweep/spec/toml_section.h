#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <toml++/toml.h>

namespace crosslaw::sweep {

// Only syntax is looked at; what it means, sections say. Throws SpecError with file, line and
// column.
toml::table parse_toml(const std::filesystem::path& file);

// A table of the spec that remembers which keys were asked for, so that the rest can be refused.
// Every error is a SpecError that names file, line and key.
class TomlSection {
 public:
  TomlSection(const toml::table& table, std::string path, const std::filesystem::path& file);

  std::string text(const std::string& key);
  std::string text(const std::string& key, const std::string& otherwise);
  // Of several lines: nothing else than line breaks and tabs is let through beside plain text.
  std::string lines(const std::string& key, const std::string& otherwise);
  double number(const std::string& key);
  double number(const std::string& key, double otherwise);
  int64_t integer(const std::string& key);
  int64_t integer(const std::string& key, int64_t otherwise);
  bool boolean(const std::string& key, bool otherwise);
  std::vector<double> numbers(const std::string& key, const std::vector<double>& otherwise);
  std::vector<int64_t> integers(const std::string& key, const std::vector<int64_t>& otherwise);
  std::vector<std::string> texts(const std::string& key);

  bool has(const std::string& key) { return node(key) != nullptr; }
  TomlSection section(const std::string& key);
  std::vector<TomlSection> sections(const std::string& key);  // an array of tables
  std::vector<std::pair<std::string, TomlSection>> each();    // every key must be a table
  const toml::node* node(const std::string& key);

  // Refuses keys that nothing asked for, with a guess at what was meant.
  void finish() const;
  // Where a key is missing: refuses one that nothing asked for and that may have been meant as it.
  void refuse_misspelt(const std::string& key) const;

  [[noreturn]] void fail(const std::string& key, const std::string& reason) const;

 private:
  const toml::node& required(const std::string& key);
  template <typename T>
  T value(const std::string& key, const toml::node& node, const char* expected) const;
  template <typename T>
  std::vector<T> values(const std::string& key, const char* expected);

  const toml::table& table_;
  std::string path_;
  std::filesystem::path file_;
  std::set<std::string> asked_;
};

}  // namespace crosslaw::sweep
