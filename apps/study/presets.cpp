#include "apps/study/presets.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "fit/data/closest_name.h"

namespace crosslaw::apps {

namespace fs = std::filesystem;

namespace {

std::array<fs::path, 2> preset_folders() {
  const fs::path above = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
  return {above / "share/crosslaw/presets", above / "sweep/presets"};
}

void refuse_misspelt(const std::string& name, const std::string& extension) {
  std::vector<std::string> known;
  for (const fs::path& presets : preset_folders()) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(presets, ignored)) {
      if (entry.path().extension() == extension) known.push_back(entry.path().stem().string());
    }
  }
  const std::string guess = fit::did_you_mean(fs::path(name).stem().string(), known);
  if (guess.empty()) return;
  throw std::invalid_argument(
      fmt::format("{}: there is no such file, and no preset of this name{}", name, guess));
}

}  // namespace

std::string file_or_preset(const std::string& name, const std::string& extension) {
  if (name.empty() || fs::is_regular_file(name) || fs::path(name).has_parent_path()) return name;
  for (const fs::path& presets : preset_folders()) {
    for (const std::string& candidate : {name, name + extension}) {
      if (fs::is_regular_file(presets / candidate)) return presets / candidate;
    }
  }
  if (!fs::exists(name)) refuse_misspelt(name, extension);
  return name;
}

}  // namespace crosslaw::apps
