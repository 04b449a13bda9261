#include "db/lock_holder.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "db/files/printable.h"

namespace crosslaw::db {
namespace fs = std::filesystem;

std::string lock_holder(const fs::path& database) {
  // With a write-ahead log writers lock bytes of the index beside it, else of the file itself.
  std::set<std::string> inodes;
  for (const char* beside : {"", "-shm"}) {
    struct stat status {};
    if (::stat((database.string() + beside).c_str(), &status) == 0)
      inodes.insert(std::to_string(status.st_ino));
  }
  // "1: POSIX  ADVISORY  WRITE 1234 08:01:131234 120 120" (proc(5)). The device is another one than
  // stat() tells on some file systems; the number of the file says enough.
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream fields(line);
    std::string id, kind, advisory, access, pid, file;
    fields >> id >> kind >> advisory >> access >> pid >> file;
    const std::string inode = file.substr(file.rfind(':') + 1);
    const long process = std::strtol(pid.c_str(), nullptr, 10);
    if (access != "WRITE" || process <= 0 || process == ::getpid() || !inodes.contains(inode))
      continue;
    std::ifstream name(fmt::format("/proc/{}/comm", process));
    std::string program;
    std::getline(name, program);
    return program.empty() ? fmt::format("process {}", process)
                           : fmt::format("process {} ({})", process, printable(program));
  }
  return "";
}

}  // namespace crosslaw::db
