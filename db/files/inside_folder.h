#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace crosslaw::db {

// What lies below a folder, reached step by step from it and without following any link: whatever
// somebody has put there, nothing outside of it is read, written or deleted.
// Paths are relative and plain; one with "..", or none at all, is std::invalid_argument.
class InsideFolder {
 public:
  // Throws std::runtime_error when it is no folder that can be entered.
  explicit InsideFolder(const std::filesystem::path& folder);
  ~InsideFolder();
  InsideFolder(const InsideFolder&) = delete;
  InsideFolder& operator=(const InsideFolder&) = delete;

  // Makes the folder and those above it. False: it was there already. Throws std::runtime_error
  // where a link or a file stands in the way.
  bool make_folder(const std::filesystem::path& inside) const;

  // Deletes a file, or a folder with all that it holds; a link is deleted, not what it names. What
  // is not there, or lies behind a link, stays as it is. Returns whether nothing is left.
  bool remove(const std::filesystem::path& inside) const;

  bool has_folder(const std::filesystem::path& inside) const;

  // Names of what a folder holds, sorted; none where there is no such folder.
  std::vector<std::string> names(const std::filesystem::path& inside) const;

 private:
  int open(const std::filesystem::path& inside, bool make, bool* made) const;

  std::filesystem::path folder_;
  int descriptor_;
};

}  // namespace crosslaw::db
