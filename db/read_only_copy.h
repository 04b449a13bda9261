#pragma once

#include <filesystem>
#include <string>

namespace crosslaw::db {

// A database in a folder where nothing may be written cannot be opened as usual: to read it, SQLite
// makes an index of the write-ahead log beside it.

bool is_in_writable_folder(const std::filesystem::path& file);

// The file as SQLite's URI for reading what does not change: no lock, no index, nothing written.
std::string immutable_uri(const std::filesystem::path& file);

// A folder of our own below the temporary one, deleted with this object; an open connection keeps
// the files that it has read from.
class PrivateFolder {
 public:
  // Throws std::runtime_error with the system's reason.
  PrivateFolder();
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Copies a database that nobody has open, with its log. Returns the copy.
std::filesystem::path copy_database(const std::filesystem::path& file, const PrivateFolder& into);

}  // namespace crosslaw::db
