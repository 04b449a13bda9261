#pragma once

#include <csignal>
#include <vector>

namespace crosslaw::apps {

// While it lives, what would end this process is counted instead: Ctrl-C, SIGTERM, a closed
// terminal (SIGHUP), and the warnings that batch systems send before their limit (SIGUSR1,
// SIGUSR2). What was ignored before (nohup) stays ignored. Afterwards a signal ends the process as
// usual: fits and tables are made again in no time.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  int count() const;
  // The same, where no object is at hand; 0 while there is none.
  static int heard();

 private:
  struct Before {
    int signal;
    struct sigaction action;
  };
  std::vector<Before> before_;
};

}  // namespace crosslaw::apps
