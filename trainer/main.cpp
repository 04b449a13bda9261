// crosslaw-train CONFIG.json: one attempt of one run. Reports through files beside its config.
// crosslaw-train --nest ROOM: forks an attempt whenever it is told to (trainer/recipe/nest.h).
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <string_view>

#include "trainer/attempt.h"
#include "trainer/recipe/nest.h"
#include "trainer/recipe/run_files.h"
#include "trainer/version.h"

int main(int argc, char** argv) {
  using namespace crosslaw::trainer;
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (argc == 2 && first == "--version") {
    fmt::print("crosslaw-train {}\n", build_text());
    return kExitDone;
  }
  int code = kExitDone;
  if (argc == 3 && first == "--nest") {
    try {
      serve_nest(STDIN_FILENO, {argv[0], argv[2] + std::strlen(argv[2]) + 1}, run_attempt);
    } catch (const std::exception& error) {
      fmt::print(stderr, "crosslaw-train: {}\n", error.what());
      code = kExitFailed;
    }
  } else if (argc == 2 && !first.starts_with("--")) {
    code = run_attempt(argv[1]);
  } else {
    fmt::print(stderr, "usage: crosslaw-train CONFIG.json | --nest ROOM | --version\n");
    return kExitBadConfig;
  }
  std::fflush(nullptr);
  // All is published: tearing LibTorch down takes longer than some runs.
  _exit(code);
}
