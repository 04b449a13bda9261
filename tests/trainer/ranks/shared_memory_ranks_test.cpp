#include "trainer/ranks/shared_memory_ranks.h"

#include <ATen/ATen.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using tests::TempFolder;

// Each rank in a thread of its own; returns what each threw.
std::vector<std::string> on_ranks(int64_t ranks, double limit,
                                  const std::function<void(Communicator&)>& work) {
  TempFolder folder;
  std::vector<std::string> thrown(static_cast<size_t>(ranks));
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        work(*shared_memory_ranks(folder / "meeting", rank, ranks, limit));
      } catch (const LostRank& lost) {
        thrown[static_cast<size_t>(rank)] = lost.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 0);
  return thrown;
}

// Numbers whose fp32 sum depends on the order.
at::Tensor numbers_of(int64_t rank, int64_t count) {
  return at::sin(at::arange(count, at::kDouble) * static_cast<double>(rank + 1)).to(at::kFloat) *
         std::pow(10.0, static_cast<double>(rank % 3));
}

// ((0 + 1) + (2 + 3)) + ...
at::Tensor pairwise(int64_t first, int64_t ranks, int64_t count) {
  if (ranks == 1) return numbers_of(first, count);
  int64_t left = 1;
  while (2 * left < ranks) left *= 2;
  return pairwise(first, left, count) + pairwise(first + left, ranks - left, count);
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("every exchange gives each rank the same bits, whatever the size of the message") {
  for (const int64_t ranks : {1, 2, 3, 4, 7}) {
    for (const int64_t part : {1, 64, 300'000}) {  // the last in several pieces
      const int64_t count = ranks * part;
      const at::Tensor sum = pairwise(0, ranks, count);
      INFO(ranks << " ranks, parts of " << part);
      const auto thrown = on_ranks(ranks, 30, [&](Communicator& c) {
        at::Tensor all = numbers_of(c.rank(), count), scattered = all.clone();
        c.all_reduce(all);
        c.reduce_scatter(scattered);
        c.finish();
        const at::Tensor own = owned_part(scattered, c.rank(), ranks);
        const bool sums = at::equal(all, sum) && at::equal(own, owned_part(sum, c.rank(), ranks));
        at::Tensor rounded = at::zeros({count}, at::kBFloat16);
        owned_part(rounded, c.rank(), ranks).copy_(own);
        c.all_gather(rounded);
        at::Tensor total = at::full({1}, static_cast<double>(c.rank()), at::kDouble);
        c.all_reduce(total);
        c.finish();
        const bool rest = at::equal(rounded, sum.to(at::kBFloat16)) &&
                          total.item<double>() == static_cast<double>(ranks * (ranks - 1) / 2);
        if (!sums || !rest) throw LostRank("other numbers");
      });
      CHECK(thrown == std::vector<std::string>(static_cast<size_t>(ranks)));
    }
  }
}

TEST_CASE("a rank that fails is named by the others at once") {
  std::vector<std::string> thrown;
  const double seconds = seconds_of([&] {
    thrown = on_ranks(4, 30, [](Communicator& c) {
      for (int step = 0; step < 5; ++step) {
        if (c.rank() == 2 && step == 3) return c.fail("rank 2: the disk is full");
        c.all_reduce(at::ones({3}, at::kFloat));
      }
    });
  });
  const std::string reason = "rank 2: the disk is full";
  CHECK(thrown == std::vector<std::string>{reason, reason, "", reason});
  CHECK(seconds < 5);
}

TEST_CASE("a rank that hangs is named by the others within the time limit") {
  std::vector<std::string> thrown;
  const double seconds = seconds_of([&] {
    thrown = on_ranks(3, 0.5, [](Communicator& c) {
      c.all_reduce(at::ones({3}, at::kFloat));
      if (c.rank() == 1) return;  // never comes again, and says nothing
      c.all_reduce(at::ones({3}, at::kFloat));
    });
  });
  const std::string reason = "rank 1 did not come to the others within 0.5 seconds";
  CHECK(thrown == std::vector<std::string>{reason, "", reason});
  CHECK(seconds > 0.4);
  CHECK(seconds < 5);
}

TEST_CASE("what is reported of a killed rank reaches those that wait for it") {
  TempFolder folder;
  std::string thrown;
  std::thread other([&] { shared_memory_ranks(folder / "meeting", 1, 2, 30); });
  const auto first = shared_memory_ranks(folder / "meeting", 0, 2, 30);
  other.join();
  folder.write("meeting.failed", "rank 1 was ended by signal 9 (Killed)");
  const double seconds = seconds_of(
      [&] { thrown = tests::message_of([&] { first->all_reduce(at::ones({1}, at::kFloat)); }); });
  CHECK(thrown == "rank 1 was ended by signal 9 (Killed)");
  CHECK(seconds < 5);
}

TEST_CASE("ranks without a first one say so") {
  TempFolder folder;
  CHECK_THAT(tests::message_of([&] { shared_memory_ranks(folder / "meeting", 1, 2, 0.1); }),
             has_text("rank 0 has not opened") && has_text("meeting within 0.1 seconds"));
}

TEST_CASE("ranks that are processes meet as threads do") {
  TempFolder folder;
  constexpr int64_t kRanks = 3;
  std::vector<pid_t> children;
  for (int64_t rank = 0; rank < kRanks; ++rank) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child > 0) {
      children.push_back(child);
      continue;
    }
    // No Catch in here: it would run the remaining tests twice.
    int code = 1;
    try {
      const auto c = shared_memory_ranks(folder / "meeting", rank, kRanks, 30);
      std::vector<double> one = {static_cast<double>(rank + 1)};
      at::Tensor number = at::from_blob(one.data(), {1}, at::kDouble);
      c->all_reduce(number);
      code = one[0] == 6 ? 0 : 2;
    } catch (...) {
      code = 3;
    }
    ::_exit(code);
  }
  for (const pid_t child : children) {
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
}

}  // namespace crosslaw::trainer
