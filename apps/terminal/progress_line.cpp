#include "apps/terminal/progress_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

#include "db/files/printable.h"

namespace crosslaw::apps {
namespace {

using namespace std::chrono_literals;

// Often enough to look alive; in a log file a line every quarter of a minute is plenty.
constexpr auto kRewriteEvery = 200ms;
constexpr auto kLineEvery = 15s;

bool terminal_can_rewrite() {
  const char* kind = std::getenv("TERM");
  const char* plain = std::getenv("NO_COLOR");
  return ::isatty(STDERR_FILENO) && !(plain && *plain) && kind && std::strcmp(kind, "dumb") != 0;
}

std::size_t terminal_width() {
  struct winsize size {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

ProgressLine::ProgressLine(std::ostream& out)
    : out_(out),
      rewrite_(&out == &std::cerr && terminal_can_rewrite()),
      last_(std::chrono::steady_clock::now() - (rewrite_ ? kRewriteEvery : kLineEvery)) {}

ProgressLine::~ProgressLine() { erase(); }

void ProgressLine::erase() {
  if (rewrite_ && shown_) out_ << "\r\x1b[K" << std::flush;
  shown_ = false;
}

void ProgressLine::show(std::int64_t done, const std::function<std::string()>& text) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < (rewrite_ ? kRewriteEvery : kLineEvery)) return;
  if (!rewrite_ && done == last_done_) return;
  last_ = now;
  last_done_ = done;
  std::string line = db::printable(text());
  if (rewrite_) {
    // A longer line would wrap, and only its last row could be rewritten.
    const std::size_t width = terminal_width();
    if (line.size() >= width) line.resize(width - 1);
    out_ << "\r" << line << "\x1b[K" << std::flush;
    shown_ = true;
  } else {
    out_ << line << "\n" << std::flush;
  }
}

void ProgressLine::say(const std::string& message) {
  erase();
  out_ << db::printable(message) << "\n" << std::flush;
}

}  // namespace crosslaw::apps
