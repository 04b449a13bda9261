#include "sweep/launch/slots.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "sweep/launch/gpu_lock.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {
namespace {

// An environment variable as it was before, at the end of the test.
class Variable {
 public:
  Variable(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* old = std::getenv(name)) before_ = old;
    set(value);
  }
  ~Variable() { set(before_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void set(const std::optional<std::string>& value) const {
    value ? setenv(name_, value->c_str(), 1) : unsetenv(name_);
  }
  const char* name_;
  std::optional<std::string> before_;
};

// A machine whose nvidia-smi prints this, first on the PATH.
struct FakeMachine {
  tests::TempFolder folder;
  Variable path{"PATH", folder.path().string() + ":" + std::getenv("PATH")};

  explicit FakeMachine(const std::string& listing, int code = 0) {
    auto program = folder.write("nvidia-smi", "#!/bin/sh\ncat <<'END'\n" + listing + "END\nexit " +
                                                  std::to_string(code) + "\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  }
};

const std::string kThree = "GPU-aaa1\nGPU-bbb2\nGPU-bbb3\n";
using Uuids = std::vector<std::string>;

}  // namespace

// CUDA's own rules: an index or the beginning of a UUID; an entry that fits none ends the list.
TEST_CASE("CUDA_VISIBLE_DEVICES chooses and orders the GPUs as it does for CUDA") {
  FakeMachine machine(kThree);
  for (const auto& [limit, expected] : std::vector<std::pair<std::optional<std::string>, Uuids>>{
           {std::nullopt, {"GPU-aaa1", "GPU-bbb2", "GPU-bbb3"}},
           {"0", {"GPU-aaa1"}},
           {"2,0", {"GPU-bbb3", "GPU-aaa1"}},
           {"GPU-bbb3", {"GPU-bbb3"}},
           {"GPU-a,2", {"GPU-aaa1", "GPU-bbb3"}},
           {"", {}},
           {"-1", {}},
           {"3", {}},
           {"1,-1,2", {"GPU-bbb2"}},
           {"1,7,2", {"GPU-bbb2"}},
           {"0,0,1", {"GPU-aaa1", "GPU-bbb2"}},
           {"NoDevFiles", {}},
       }) {
    INFO("CUDA_VISIBLE_DEVICES=" << limit.value_or("(unset)"));
    Variable variable("CUDA_VISIBLE_DEVICES", limit);
    CHECK(visible_gpu_uuids() == expected);
  }
}

TEST_CASE("whatever nvidia-smi prints, only UUIDs become slots") {
  Variable unset("CUDA_VISIBLE_DEVICES", std::nullopt);
  for (const auto& [listing, code, expected] : std::vector<std::tuple<std::string, int, Uuids>>{
           {"", 0, {}},
           {"No devices were found\n", 0, {}},
           {"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n",
            9,
            {}},
           {"GPU-aaa1 \r\n\nGPU-bbb2\n", 0, {"GPU-aaa1", "GPU-bbb2"}},
           {"[Unknown Error]\nGPU-bbb2\n", 0, {"GPU-bbb2"}},
       }) {
    FakeMachine machine(listing, code);
    CHECK(visible_gpu_uuids() == expected);
  }
  tests::TempFolder empty;
  Variable nowhere("PATH", empty.path().string());
  CHECK(visible_gpu_uuids().empty());
}

TEST_CASE(
    "GPUs are slots when they are asked for or there, and their absence is an error or the CPU") {
  Variable unset("CUDA_VISIBLE_DEVICES", std::nullopt);
  {
    FakeMachine machine(kThree);
    for (const char* devices : {"gpu", "auto"}) {
      std::vector<Slot> slots = find_slots({.devices = devices, .cpu_slots = 7});
      REQUIRE(slots.size() == 3);
      CHECK(slots[1].name() == "GPU-bbb2");
      CHECK(slots[1].device() == "cuda");
      CHECK(slots[1].cpus.empty());
    }
    for (const Slot& slot : tests::some(find_slots({.devices = "cpu"})))
      CHECK(slot.device() == "cpu");
  }
  FakeMachine without("");
  CHECK_THROWS_AS(find_slots({.devices = "gpu"}), SpecError);
  CHECK_THAT(tests::message_of([] { find_slots({.devices = "gpu"}); }),
             has_text("launch.devices = \"gpu\": nvidia-smi lists no GPU here"));
  std::vector<Slot> slots = find_slots({.devices = "auto", .cpu_slots = 2});
  REQUIRE(slots.size() == 2);
  CHECK(slots[0].device() == "cpu");
}

TEST_CASE("several runs a GPU come only after every GPU has one") {
  Variable unset("CUDA_VISIBLE_DEVICES", std::nullopt);
  FakeMachine machine(kThree);
  Uuids order;
  for (const Slot& slot : find_slots({.devices = "gpu", .runs_per_gpu = 2}))
    order.push_back(slot.gpu_uuid);
  CHECK(order == Uuids{"GPU-aaa1", "GPU-bbb2", "GPU-bbb3", "GPU-aaa1", "GPU-bbb2", "GPU-bbb3"});
}

TEST_CASE("CPU slots get processors of their own as long as there are enough") {
  cpu_set_t set;
  CPU_ZERO(&set);
  REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  int64_t cpus = CPU_COUNT(&set);
  for (int64_t threads : {int64_t{1}, int64_t{2}, cpus, cpus + 1}) {
    for (int64_t asked : {0, 1, 2, 5, 100}) {
      std::vector<Slot> slots =
          find_slots({.devices = "cpu", .cpu_slots = asked, .threads_per_run = threads});
      INFO(threads << " threads, " << asked << " slots asked for, " << cpus << " processors");
      CHECK(static_cast<int64_t>(slots.size()) ==
            (asked > 0 ? asked : std::max<int64_t>(1, cpus / threads)));
      cpu_set_t used;
      CPU_ZERO(&used);
      for (size_t i = 0; i < slots.size(); ++i) {
        bool fits = static_cast<int64_t>(i + 1) * threads <= cpus;
        REQUIRE(static_cast<int64_t>(slots[i].cpus.size()) == (fits ? threads : 0));
        for (int cpu : slots[i].cpus) {
          const bool allowed = CPU_ISSET(cpu, &set), again = CPU_ISSET(cpu, &used);
          REQUIRE(allowed);
          REQUIRE_FALSE(again);
          CPU_SET(cpu, &used);
        }
      }
    }
  }
}

// A process in a container or under taskset may use some processors only.
TEST_CASE("processors that this process may not use are no slots") {
  cpu_set_t before, one;
  CPU_ZERO(&before);
  CPU_ZERO(&one);
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  int last = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &before)) last = cpu;
  }
  CPU_SET(last, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  std::vector<Slot> slots = find_slots({.devices = "cpu"});
  sched_setaffinity(0, sizeof before, &before);
  REQUIRE(slots.size() == 1);
  CHECK(slots[0].cpus == std::vector<int>{last});
  CHECK(slots[0].name() == "cpu " + std::to_string(last));
  CHECK(Slot{}.name() == "cpu");
}

}  // namespace crosslaw::sweep
