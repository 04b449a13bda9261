#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace crosslaw::db {

// The name of the network file system that holds the folder; nothing for local ones.
std::optional<std::string> network_file_system(const std::filesystem::path& folder);

// SQLite's write-ahead log breaks on network file systems. Throws std::invalid_argument with the
// mend.
void refuse_network_file_system(const std::filesystem::path& folder);

// Why `bytes` more do not fit on the folder's disk, and what to do; empty: they do.
std::string disk_shortage(const std::filesystem::path& folder, double bytes);

}  // namespace crosslaw::db
