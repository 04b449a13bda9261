#include "sweep/launch/slurm.h"

#include <optional>
#include <tuple>

#include "tests/sweep/launch/scripted_slurm.h"

namespace crosslaw::sweep {

TEST_CASE("states and causes of ended and waiting jobs are read as Slurm writes them") {
  const std::string t = ScriptedSlurm::token(1);
  struct Case {
    const char *state, *reason, *code;
    Whereabouts where;
    std::optional<db::Outcome> cause;
    std::string blocked;
  };
  for (const Case& c : {
           Case{"PD", "Priority", "0", Whereabouts::kQueued, {}, ""},
           Case{"PD", "PartitionTimeLimit", "0", Whereabouts::kQueued, {}, "PartitionTimeLimit"},
           Case{"PD", "PartitionDown", "0", Whereabouts::kQueued, {}, ""},
           Case{"PD", "JobHeldAdmin", "0", Whereabouts::kQueued, {}, "JobHeldAdmin"},
           Case{"PD",
                "launch_failed_requeued_held",
                "0",
                Whereabouts::kQueued,
                {},
                "launch_failed_requeued_held"},
           Case{"PD",
                "QOSMaxWallDurationPerJobLimit",
                "0",
                Whereabouts::kQueued,
                {},
                "QOSMaxWallDurationPerJobLimit"},
           Case{"CG", "None", "0", Whereabouts::kRunning, {}, ""},
           Case{"TO", "TimeLimit", "0", Whereabouts::kGone, db::Outcome::kTimeLimit, ""},
           Case{"PR", "None", "0", Whereabouts::kGone, db::Outcome::kPreempted, ""},
           Case{"NF", "NodeDown", "0", Whereabouts::kGone, db::Outcome::kNodeFailed, ""},
           Case{"OOM", "OutOfMemory", "0", Whereabouts::kGone, db::Outcome::kOutOfMemory, ""},
           Case{"XX", "None", "0", Whereabouts::kUnknown, {}, ""},
       }) {
    INFO(c.state << " " << c.reason);
    const auto entries = read_squeue(listing_line("7", c.state, t, c.reason, "n1", c.code));
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].where == c.where);
    CHECK(entries[0].cause == c.cause);
    CHECK(entries[0].blocked == c.blocked);
  }
  // wait(2)'s status until 22.05, "code:signal" later.
  for (const auto& [text, code, signal] :
       std::vector<std::tuple<std::string, std::optional<int64_t>, std::optional<int64_t>>>{
           {"17664", 69, {}}, {"69:0", 69, {}}, {"9", {}, 9}, {"0:9", {}, 9}, {"0", 0, {}}}) {
    const auto entries = read_squeue(listing_line("7", "F", t, "NonZeroExitCode", "n1", text));
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].code == code);
    CHECK(entries[0].signal == signal);
  }
  CHECK(read_squeue("").empty());
  CHECK(read_squeue("slurm_load_jobs error: Invalid user\n").empty());
}

}  // namespace crosslaw::sweep
