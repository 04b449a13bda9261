#pragma once

#include <filesystem>
#include <string_view>

namespace crosslaw::db {

// Publishing: a file or folder is visible complete or not at all. The content is written beside its
// place, synced, renamed, and the folder that holds it is synced. All throw std::runtime_error with
// the path and the system's reason (disk full, no permission), leaving nothing half-written behind.

void publish_file(const std::filesystem::path& file, std::string_view content);

// Syncs a file that was written at staging_path(file) and renames it into place.
void publish_staged(const std::filesystem::path& staged, const std::filesystem::path& file);

// Syncs every file in `staged` and renames the folder to `final_path`, which must not exist.
void publish_folder(const std::filesystem::path& staged, const std::filesystem::path& final_path);

// Where publish_* stages the content for `path`; what a crash leaves there may be deleted.
std::filesystem::path staging_path(const std::filesystem::path& path);
bool is_staged(std::string_view name);
// The same with nothing there: neither what a crash left nor a link that leads elsewhere.
std::filesystem::path cleared_staging_path(const std::filesystem::path& path);

}  // namespace crosslaw::db
