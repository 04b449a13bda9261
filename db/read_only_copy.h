#pragma once

#include <filesystem>
#include <string>

#include "db/files/private_folder.h"

namespace crosslaw::db {

// A database in a folder where nothing may be written cannot be opened as usual: to read it, SQLite
// makes an index of the write-ahead log beside it.

bool is_in_writable_folder(const std::filesystem::path& file);

// The file as SQLite's URI for reading what does not change: no lock, no index, nothing written.
std::string immutable_uri(const std::filesystem::path& file);

// Copies a database that nobody has open, with its log. Returns the copy.
std::filesystem::path copy_database(const std::filesystem::path& file, const PrivateFolder& into);

}  // namespace crosslaw::db
