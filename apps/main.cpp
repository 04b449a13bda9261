// The crosslaw executable: wires the commands, turns exceptions into exit codes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <stdexcept>

#include "apps/commands.h"

namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kBadInput = 2;

int run(int argc, char** argv) {
  CLI::App app{
      "crosslaw: scaling-law sweeps from one command, with fits, intervals and compute-optimal "
      "allocations"};
  app.set_version_flag("--version", CROSSLAW_VERSION);
  app.require_subcommand(1);
  int exit_code = kOk;
  crosslaw::apps::add_commands(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kBadInput;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "crosslaw: {}\n", error.what());
    return kBadInput;
  } catch (const std::exception& error) {
    fmt::print(stderr, "crosslaw: {}\n", error.what());
    return kFailed;
  }
}
