#include "apps/study/sweep_folder.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <chrono>
#include <fstream>
#include <stdexcept>

namespace crosslaw::apps {

std::filesystem::path files_folder(const sweep::LaunchSpec& launch,
                                   const std::filesystem::path& folder) {
  return launch.files.empty() ? folder : std::filesystem::path(launch.files);
}

std::filesystem::path files_folder(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(resolved_spec_file(folder))) return folder;
  return files_folder(sweep::read_spec(resolved_spec_file(folder)).launch, folder);
}

std::filesystem::path existing_above(std::filesystem::path folder) {
  std::error_code ignored;
  folder = std::filesystem::absolute(folder);
  while (!std::filesystem::is_directory(folder, ignored) && folder.has_relative_path())
    folder = folder.parent_path();
  return folder;
}

db::RunStore read_store(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(database_file(folder))) {
    throw std::invalid_argument(fmt::format(
        "{}: there is no sweep here (no crosslaw.db); crosslaw run SPEC --dir {} makes one",
        folder.string(), folder.string()));
  }
  return db::RunStore::read(database_file(folder));
}

int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  struct utsname name {};
  uname(&name);
  return name.nodename;
}

std::string boot_id() {
  std::ifstream input("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(input, id);
  return id;
}

}  // namespace crosslaw::apps
