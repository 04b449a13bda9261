#pragma once

#include <sys/resource.h>

#include <csignal>

namespace crosslaw::tests {

// While it lives, no file of this process grows beyond `bytes`: a write fails half-way, as on a
// full disk (with EFBIG in place of ENOSPC).
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    struct rlimit small {
      bytes, before_.rlim_max
    };
    setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*handler_)(int);
  struct rlimit before_ {};
};

}  // namespace crosslaw::tests
