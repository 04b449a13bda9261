#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace crosslaw::db {

// All bytes of a file; nothing when it cannot be opened or not be read to its end: a folder, a
// failing disk, a file of /proc whose process has ended. Never throws for what the disk says.
std::optional<std::string> read_file(const std::filesystem::path& file);

}  // namespace crosslaw::db
