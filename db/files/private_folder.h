#pragma once

#include <filesystem>

namespace crosslaw::db {

// A folder of our own below the temporary one, deleted with this object; what is open in it stays
// readable.
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

}  // namespace crosslaw::db
