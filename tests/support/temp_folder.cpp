#include "tests/support/temp_folder.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace crosslaw::tests {

TempFolder::TempFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "crosslaw-test-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder can be made");
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TempFolder::write(std::string_view name, std::string_view content) const {
  std::filesystem::path file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  // ext4 waits for the disk where a file is cut and written anew (auto_da_alloc), 60 times as long.
  std::filesystem::remove(file);
  std::ofstream(file, std::ios::binary) << content;
  return file;
}

std::string read_file(const std::filesystem::path& file) {
  std::ostringstream text;
  // Unlike iterators, no exception where reading fails: a process of /proc may end meanwhile.
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace crosslaw::tests
