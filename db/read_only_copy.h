#pragma once

#include <filesystem>
#include <string>

namespace crosslaw::db {

// A database in a folder where nothing may be written cannot be opened as usual: to read it, SQLite
// makes an index of the write-ahead log beside it.

bool is_in_writable_folder(const std::filesystem::path& file);

// The file as SQLite's URI for reading what does not change: no lock, no index, nothing written.
std::string immutable_uri(const std::filesystem::path& file);

// A copy of a database and its log in a folder of its own below the temporary one, which is deleted
// with this object; an open connection keeps what it has read from.
class ReadOnlyCopy {
 public:
  // Throws std::runtime_error with the system's reason.
  explicit ReadOnlyCopy(const std::filesystem::path& file);
  ~ReadOnlyCopy();
  ReadOnlyCopy(const ReadOnlyCopy&) = delete;
  ReadOnlyCopy& operator=(const ReadOnlyCopy&) = delete;
  const std::filesystem::path& file() const { return file_; }

 private:
  std::filesystem::path file_;
};

}  // namespace crosslaw::db
