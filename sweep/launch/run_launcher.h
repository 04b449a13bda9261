#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "sweep/launch/slots.h"

namespace crosslaw::sweep {

struct LaunchRequest {
  int64_t attempt_id = 0;
  std::filesystem::path config_file;  // tells one attempt's process from every other
  std::filesystem::path log_file;     // receives its output
  Slot slot;
};

// A process on this machine; start_ticks tells it from a later one with the same pid.
struct ProcessIdentity {
  int64_t pid = 0;
  int64_t start_ticks = 0;
};

// The end of an attempt's process. Of an adopted process neither code nor signal is known.
struct ProcessExit {
  int64_t attempt_id = 0;
  std::optional<int64_t> code;
  std::optional<int64_t> signal;
};

// Starts one trainer process an attempt and tells when it ends. Processes outlive the launcher.
class RunLauncher {
 public:
  virtual ~RunLauncher() = default;

  // Nothing when the slot is taken by somebody else's process for now.
  virtual std::optional<ProcessIdentity> start(const LaunchRequest& request) = 0;
  // Takes over an attempt that an earlier process started; nothing when it is not running any more.
  virtual std::optional<ProcessIdentity> adopt(int64_t attempt_id,
                                               const std::filesystem::path& config_file) = 0;
  // Waits for at most `patience` until some process ends.
  virtual std::vector<ProcessExit> wait(std::chrono::milliseconds patience) = 0;
  // Asks a process to publish a checkpoint and end, or ends it at once.
  virtual void stop(int64_t attempt_id, bool at_once) = 0;
};

}  // namespace crosslaw::sweep
