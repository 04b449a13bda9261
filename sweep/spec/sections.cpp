#include "sweep/spec/sections.h"

#include <fmt/format.h>

#include <algorithm>

namespace crosslaw::sweep {

std::string absolute_to(const std::filesystem::path& spec_file, const std::string& path) {
  return (std::filesystem::absolute(spec_file).parent_path() / path).lexically_normal().string();
}

void require(bool good, const TomlSection& section, const std::string& key,
             const std::string& expected) {
  if (!good) section.fail(key, "must be " + expected);
}

std::vector<double> positive_numbers(TomlSection& section, const std::string& key) {
  std::vector<double> values = section.numbers(key, {});
  require(!values.empty(), section, key, "an array with at least one number");
  for (double value : values)
    require(value > 0, section, key, fmt::format("positive, found {}", value));
  std::sort(values.begin(), values.end());
  // Twice the same budget would be twice the same run.
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

bool has_language(const SweepSpec& spec, const std::string& name) {
  return std::any_of(spec.languages.begin(), spec.languages.end(),
                     [&](const LanguageSpec& language) { return language.name == name; });
}

}  // namespace crosslaw::sweep
