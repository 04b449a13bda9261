#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "db/run_store.h"
#include "sweep/spec/spec.h"

namespace crosslaw::apps {

// Names inside a sweep's folder.
inline std::filesystem::path database_file(const std::filesystem::path& folder) {
  return folder / "crosslaw.db";
}
inline std::filesystem::path report_file(const std::filesystem::path& folder) {
  return folder / "report.html";
}
inline std::filesystem::path data_folder(const std::filesystem::path& folder) {
  return folder / "data";
}
inline std::filesystem::path resolved_spec_file(const std::filesystem::path& folder) {
  return folder / "spec.toml";
}

// Where runs/ and data/ lie: the sweep's folder, unless the spec put them elsewhere (launch.files),
// as with a database on a local disk and runs on a shared one.
std::filesystem::path files_folder(const sweep::LaunchSpec& launch,
                                   const std::filesystem::path& folder);
// Of a sweep that is there, by its resolved spec.
std::filesystem::path files_folder(const std::filesystem::path& folder);

// The folder itself, or the nearest above it that is there already: it lies on the disk that will
// be filled.
std::filesystem::path existing_above(std::filesystem::path folder);

// Throws std::invalid_argument when the folder holds no sweep.
db::RunStore read_store(const std::filesystem::path& folder);

int64_t now_ms();
std::string host_name();
std::string boot_id();

}  // namespace crosslaw::apps
