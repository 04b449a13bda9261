#include "sweep/launch/gpu_lock.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>

#include "sweep/launch/program.h"

namespace crosslaw::sweep {
namespace {

// Long enough for a driver that wakes up its GPUs first.
constexpr std::chrono::seconds kSmiLimit{60};
constexpr double kMebibyte = 1 << 20;  // nvidia-smi's unit of memory

// Fields of each line, trimmed; nothing when there is no such program or it fails.
std::vector<std::vector<std::string>> ask_smi(const std::string& query) {
  // A program is asked, so that planning needs no CUDA; a machine without it has no GPU.
  const ProgramEnd end =
      run_program({"nvidia-smi", query, "--format=csv,noheader,nounits"}, kSmiLimit);
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(end.output);
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string>& row = rows.emplace_back();
    std::istringstream fields(line);
    for (std::string field; std::getline(fields, field, ',');) {
      field.erase(0, field.find_first_not_of(" \t"));
      field.erase(field.find_last_not_of(" \t\r") + 1);
      row.push_back(field);
    }
  }
  return rows;
}

}  // namespace

std::shared_ptr<GpuLock> GpuLock::try_take(const std::string& gpu_uuid) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The leading zero byte makes it abstract: a name without a file.
  const std::string name = "crosslaw-gpu-" + gpu_uuid;
  if (name.size() + 1 > sizeof address.sun_path)
    throw std::runtime_error(fmt::format("{}: is no GPU's UUID", gpu_uuid));
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (descriptor >= 0 &&
      ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), length) == 0)
    return std::make_shared<GpuLock>(descriptor);
  const int reason = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (reason == EADDRINUSE) return nullptr;
  throw std::runtime_error(
      fmt::format("locking GPU {} failed: {}", gpu_uuid, std::strerror(reason)));
}

GpuLock::~GpuLock() { ::close(descriptor_); }

std::vector<std::string> visible_gpu_uuids() {
  std::vector<std::string> all;
  for (const auto& row : ask_smi("--query-gpu=uuid")) {
    if (row.size() == 1 && row[0].starts_with("GPU-")) all.push_back(row[0]);
  }
  const char* limit = std::getenv("CUDA_VISIBLE_DEVICES");
  if (!limit) return all;
  std::vector<std::string> visible;
  std::istringstream entries(limit);
  // As CUDA reads it: numbers or beginnings of UUIDs, in the order of use; an entry that fits no
  // GPU ends the list. Twice the same would be one slot twice.
  for (std::string entry; std::getline(entries, entry, ',');) {
    std::size_t i = 0;
    while (i < all.size() && entry != std::to_string(i) &&
           !(entry.starts_with("GPU-") && all[i].starts_with(entry)))
      ++i;
    if (i == all.size()) break;
    if (std::find(visible.begin(), visible.end(), all[i]) == visible.end())
      visible.push_back(all[i]);
  }
  return visible;
}

std::vector<GpuFacts> visible_gpus() {
  std::vector<GpuFacts> gpus;
  for (const std::string& uuid : visible_gpu_uuids()) gpus.push_back({.uuid = uuid});
  if (gpus.empty()) return gpus;
  for (const auto& row : ask_smi("--query-gpu=uuid,name,driver_version,memory.total")) {
    if (row.size() != 4) continue;
    for (GpuFacts& gpu : gpus) {
      if (gpu.uuid != row[0]) continue;
      gpu.name = row[1], gpu.driver = row[2];
      gpu.memory_bytes = std::strtod(row[3].c_str(), nullptr) * kMebibyte;
    }
  }
  return gpus;
}

std::vector<GpuProcess> gpu_processes() {
  std::vector<GpuProcess> processes;
  for (const auto& row : ask_smi("--query-compute-apps=gpu_uuid,pid")) {
    int64_t pid = 0;
    if (row.size() != 2 || !row[0].starts_with("GPU-")) continue;
    const auto [end, error] = std::from_chars(row[1].data(), row[1].data() + row[1].size(), pid);
    if (error == std::errc() && end == row[1].data() + row[1].size())
      processes.push_back({row[0], pid});
  }
  return processes;
}

}  // namespace crosslaw::sweep
