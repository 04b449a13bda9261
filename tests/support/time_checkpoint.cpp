// time_checkpoint MILLIONS FOLDER: seconds and MB/s of a resumable checkpoint of so many million
// parameters, written in three ways; scripts/bench_checkpoint.sh.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "db/files/content_hash.h"
#include "trainer/checkpoint_writer.h"

namespace {

using namespace crosslaw;
namespace fs = std::filesystem;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// One thread, one file after the other, each synced, read back and hashed.
void write_then_hash(const trainer::Parameters& p, const fs::path& folder) {
  fs::create_directories(folder);
  for (const auto& [name, numbers] :
       {std::pair{"model", p.master}, {"moment1", p.moment1}, {"moment2", p.moment2}}) {
    const fs::path file = folder / name;
    std::FILE* out = std::fopen(file.c_str(), "wb");
    if (!out || std::fwrite(numbers.const_data_ptr(), 1, numbers.nbytes(), out) != numbers.nbytes())
      std::abort();
    std::fflush(out);
    ::fsync(::fileno(out));
    std::fclose(out);
    db::sha256_of_file(file);
  }
}

void report(const char* way, double bytes, double seconds) {
  fmt::print("{:<44} {:8.2f} s {:8.0f} MB/s\n", way, seconds, bytes / seconds / 1e6);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: time_checkpoint MILLIONS FOLDER\n");
    return 2;
  }
  // A vocabulary that makes so many parameters, with a hidden size of 1024.
  const auto vocabulary = static_cast<int64_t>(std::atof(argv[1]) * 1e6 / 1024);
  const trainer::ModelShape shape{vocabulary, 1024, 1024, 8, 1, true};
  trainer::Parameters p(shape, at::kFloat, at::kCPU);
  for (at::Tensor* numbers : {&p.weights, &p.moment1, &p.moment2}) numbers->uniform_();
  const fs::path folder = fs::path(argv[2]) / fmt::format("time-checkpoint-{}", ::getpid());
  const double bytes = 3.0 * static_cast<double>(p.weights.nbytes());
  fmt::print("{:.0f}M parameters, {:.2f} GB\n", static_cast<double>(p.count()) / 1e6, bytes / 1e9);
  report("write, read back, hash; one thread", bytes,
         seconds_of([&] { write_then_hash(p, folder / "old"); }));
  fs::remove_all(folder / "old");
  trainer::CheckpointWriter writer(p, shape);
  report("hashed while written, a thread a file", bytes, seconds_of([&] {
           writer.write_now({{1, "k", "t", {}}, folder / "now", true},
                            {p.master, p.moment1, p.moment2});
         }));
  fs::remove_all(folder / "now");
  for (const char* which : {"first", "second"}) {
    const double whole = seconds_of([&] {
      report(fmt::format("training stands still ({} copy)", which).c_str(), bytes, seconds_of([&] {
               const trainer::TrainedNumbers room = writer.room(true);
               room.master.copy_(p.master);
               room.moment1.copy_(p.moment1);
               room.moment2.copy_(p.moment2);
               writer.begin({{1, "k", "t", {}}, folder / which, true});
             }));
      writer.wait();
    });
    report("  and until it is published, beside training", bytes, whole);
  }
  fs::remove_all(folder);
  return 0;
}
