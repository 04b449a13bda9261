#include "apps/terminal/interrupts.h"

namespace crosslaw::apps {
namespace {

volatile std::sig_atomic_t signals_heard = 0;

void hear_signal(int) { signals_heard = signals_heard + 1; }

}  // namespace

Interrupts::Interrupts() {
  signals_heard = 0;
  struct sigaction action {};
  action.sa_handler = hear_signal;
  // All that would end us without a word, and can be heard.
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM,
                     SIGPROF, SIGPOLL, SIGXCPU}) {
    Before& before = before_.emplace_back(Before{signal, {}});
    sigaction(signal, nullptr, &before.action);
    if (before.action.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
  // Whoever reads our output may go away; that is no reason to leave trainers alone.
  Before& pipe = before_.emplace_back(Before{SIGPIPE, {}});
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &pipe.action);
}

Interrupts::~Interrupts() {
  signals_heard = 0;
  for (const Before& before : before_) sigaction(before.signal, &before.action, nullptr);
}

int Interrupts::count() const { return signals_heard; }
int Interrupts::heard() { return signals_heard; }

}  // namespace crosslaw::apps
