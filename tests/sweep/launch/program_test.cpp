#include "sweep/launch/program.h"

#include "tests/support/catch.h"

namespace crosslaw::sweep {

using namespace std::chrono_literals;

TEST_CASE("a program's code, output and complaints come back, and no argument is a command") {
  const ProgramEnd end = run_program(
      {"sh", "-c", "echo \"$1\"; echo why >&2; exit 3", "sh", "$(echo no); `id`\n* two"}, 10s);
  CHECK(end.code == 3);
  CHECK(end.output == "$(echo no); `id`\n* two\n");
  CHECK(end.complaint() == "why");
  CHECK_FALSE(end.good());
  CHECK(run_program({"true"}, 10s).good());
  CHECK(run_program({"false"}, 10s).complaint() == "exit code 1");
}

TEST_CASE("a program that is not there, is killed, or never ends is told apart") {
  const ProgramEnd none = run_program({"no-such-program-anywhere"}, 10s);
  CHECK(none.code == 127);
  CHECK_THAT(none.complaint(), has_text("No such file"));
  CHECK(run_program({"sh", "-c", "kill -9 $$"}, 10s).code == 137);
  const ProgramEnd endless = run_program({"sleep", "100"}, 50ms);
  CHECK(endless.timed_out);
  CHECK(endless.complaint() == "no answer in time");
}

TEST_CASE("more output than a pipe holds is read while the program writes") {
  const ProgramEnd end = run_program({"sh", "-c", "seq 200000; seq 200000 >&2"}, 60s);
  CHECK(end.output.size() == end.errors.size());
  CHECK(end.output.size() > 1'000'000);
  CHECK(end.output.ends_with("\n200000\n"));
}

TEST_CASE("a call is waited for in pieces, and ends with its object") {
  ProgramCall call({"sh", "-c", "sleep 0.1; echo late"}, 10s);
  CHECK_FALSE(call.wait(1ms));
  std::optional<ProgramEnd> end;
  for (int i = 0; i < 1000 && !end; ++i) end = call.wait(10ms);
  REQUIRE(end);
  CHECK(end->output == "late\n");
  { ProgramCall never({"sleep", "1000"}, 1000s); }
}

}  // namespace crosslaw::sweep
