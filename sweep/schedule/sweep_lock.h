#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace crosslaw::sweep {

// Held by the one process that writes to a sweep's folder. The kernel frees it when that process
// ends, however it ends; trainers do not inherit it.
class SweepLock {
 public:
  // Nothing when another process holds it. Throws std::runtime_error where no file can be written.
  static std::optional<SweepLock> try_take(const std::filesystem::path& folder);
  // The same, asked for a moment: a command that only stores a fit gives it back at once.
  static std::optional<SweepLock> take_soon(const std::filesystem::path& folder);
  // Whether somebody holds it. Takes nothing and writes nothing, so that looking disturbs nobody.
  static bool is_held(const std::filesystem::path& folder);
  // "process 123 on host x", as the holder wrote it.
  static std::string holder(const std::filesystem::path& folder);

  SweepLock(SweepLock&& other) noexcept;
  SweepLock& operator=(SweepLock&&) = delete;
  ~SweepLock();

 private:
  explicit SweepLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace crosslaw::sweep
