#include "apps/study/presets.h"

#include <filesystem>

namespace crosslaw::apps {

namespace fs = std::filesystem;

std::string file_or_preset(const std::string& name, const std::string& extension) {
  if (name.empty() || fs::is_regular_file(name) || fs::path(name).has_parent_path()) return name;
  const fs::path above = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
  for (const fs::path& presets : {above / "share/crosslaw/presets", above / "sweep/presets"}) {
    for (const std::string& candidate : {name, name + extension}) {
      if (fs::is_regular_file(presets / candidate)) return presets / candidate;
    }
  }
  return name;
}

}  // namespace crosslaw::apps
