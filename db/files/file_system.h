#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace crosslaw::db {

// The name of a network or cluster file system by its number in statfs(2) and, for FUSE, its type
// in /proc/self/mountinfo ("fuse.sshfs"); nothing for local ones. A FUSE type that nobody knows
// counts as one.
std::optional<std::string> network_name(unsigned long magic, const std::string& type);

// The type of a mounted file system by its device, "0:52", in the text of a mountinfo; "" where
// none.
std::string mounted_type(const std::string& mountinfo, const std::string& device);

// The name of the network file system that holds the folder; nothing for local ones.
std::optional<std::string> network_file_system(const std::filesystem::path& folder);

// SQLite's write-ahead log breaks on network file systems. Throws std::invalid_argument with the
// mend.
void refuse_network_file_system(const std::filesystem::path& folder);

// Why `bytes` more do not fit on the folder's disk, and what to do; empty: they do.
std::string disk_shortage(const std::filesystem::path& folder, double bytes);

}  // namespace crosslaw::db
