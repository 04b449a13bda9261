#include "apps/terminal/progress_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "apps/terminal/quantities.h"

namespace crosslaw::apps {
namespace {

using namespace std::chrono_literals;

bool terminal_can_rewrite() {
  const char* kind = std::getenv("TERM");
  const char* plain = std::getenv("NO_COLOR");
  return ::isatty(STDERR_FILENO) && !(plain && *plain) && kind && std::strcmp(kind, "dumb") != 0;
}

size_t terminal_width() {
  struct winsize size {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string describe(const sweep::Progress& p) {
  int64_t finished = p.done + p.diverged + p.failed + p.blocked;
  std::string text = fmt::format("{}/{} runs, {:.0f} % of the FLOPs", finished, p.total,
                                 p.flops_total > 0 ? 100 * p.flops_done / p.flops_total : 100.0);
  if (p.remaining_seconds && finished < p.total)
    text += fmt::format(", about {} left", format_seconds(*p.remaining_seconds));
  if (p.diverged > 0) text += fmt::format(", {} diverged", p.diverged);
  if (p.failed + p.blocked > 0) text += fmt::format(", {} failed, {} blocked", p.failed, p.blocked);
  if (!p.running_names.empty()) text += fmt::format(" | {}", fmt::join(p.running_names, " | "));
  return text;
}

ProgressLine::ProgressLine()
    : rewrite_(terminal_can_rewrite()), last_(std::chrono::steady_clock::now() - 1h) {}

ProgressLine::~ProgressLine() { erase(); }

void ProgressLine::erase() {
  if (rewrite_ && shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

void ProgressLine::show(const sweep::Progress& progress) {
  auto now = std::chrono::steady_clock::now();
  if (now - last_ < (rewrite_ ? 200ms : 15000ms)) return;
  int64_t finished = progress.total - progress.waiting - progress.running;
  if (!rewrite_ && finished == last_finished_) return;
  last_ = now;
  last_finished_ = finished;
  std::string text = describe(progress);
  if (rewrite_) {
    size_t width = terminal_width();
    if (text.size() >= width) text.resize(width - 1);
    fmt::print(stderr, "\r{}\x1b[K", text);
    shown_ = true;
  } else {
    fmt::print(stderr, "{}\n", text);
  }
  std::fflush(stderr);
}

void ProgressLine::say(const std::string& message) {
  erase();
  fmt::print(stderr, "{}\n", message);
}

}  // namespace crosslaw::apps
