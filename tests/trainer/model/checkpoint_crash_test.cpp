// Checkpoints while processes are killed and disks are full: published whole or not at all.
#include <ATen/ATen.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>

#include "tests/support/catch.h"
#include "tests/support/full_disk.h"
#include "tests/support/temp_folder.h"
#include "trainer/model/checkpoint.h"
#include "trainer/recipe/run_files.h"

namespace crosslaw::trainer {
namespace {

using tests::message_of;
using tests::TempFolder;

const ModelShape kCrashShape{64, 16, 40, 2, 2, true};

Parameters crash_parameters(uint64_t seed) {
  Parameters p(kCrashShape, at::kFloat, at::kCPU);
  p.initialize(seed, 0.0);
  p.moment1.copy_(p.weights * 2);
  p.moment2.copy_(p.weights * p.weights);
  return p;
}

std::map<std::string, std::string> bytes_in(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files[entry.path().filename()] = tests::read_file(entry.path());
  return files;
}

}  // namespace

TEST_CASE(
    "killed at any moment, a checkpoint is there whole or not at all, and can be made again") {
  TempFolder folder;
  Parameters saved = crash_parameters(1);
  publish_checkpoint(saved, kCrashShape, {5, "key", "way"}, true, folder / "expected");
  auto expected = bytes_in(folder / "expected");
  int64_t whole = 0, absent = 0;
  for (useconds_t delay = 0; delay < 6000; delay += 150) {
    pid_t writer = fork();
    if (writer == 0) {
      publish_checkpoint(saved, kCrashShape, {5, "key", "way"}, true, folder / "c");
      _exit(0);
    }
    usleep(delay);
    kill(writer, SIGKILL);
    waitpid(writer, nullptr, 0);
    if (std::filesystem::exists(folder / "c")) {
      ++whole;
      REQUIRE(bytes_in(folder / "c") == expected);
      std::filesystem::remove_all(folder / "c");
    } else {
      ++absent;
      // What the crash left staged is no hindrance.
      publish_checkpoint(saved, kCrashShape, {5, "key", "way"}, true, folder / "c");
      REQUIRE(bytes_in(folder / "c") == expected);
      std::filesystem::remove_all(folder / "c");
    }
  }
  CHECK(absent > 0);
  CHECK(whole + absent == 40);
}

TEST_CASE("at whatever size the disk is full, nothing of the checkpoint is left") {
  TempFolder folder;
  Parameters saved = crash_parameters(1);
  publish_checkpoint(saved, kCrashShape, {5, "key", "way"}, true, folder / "whole");
  std::map<std::string, rlim_t> sizes;
  for (const auto& [name, bytes] : bytes_in(folder / "whole")) sizes[name] = bytes.size();
  for (const auto& [name, size] : sizes) {
    for (rlim_t bytes : {rlim_t{1}, size / 2, size - 1}) {
      std::string message;
      {
        tests::FullDisk disk(bytes);
        message = message_of([&] {
          publish_checkpoint(saved, kCrashShape, {5, "key", "way"}, true, folder / "c");
        });
      }
      INFO(bytes << " bytes, too few for " << name);
      CHECK_THAT(message, has_text("c.tmp/") && has_text("failed"));
      CHECK_FALSE(std::filesystem::exists(folder / "c"));
      CHECK_FALSE(std::filesystem::exists(folder / "c.tmp"));
    }
  }
}

TEST_CASE("a flipped bit in weights or moments is found before a weight is touched") {
  TempFolder folder;
  publish_checkpoint(crash_parameters(1), kCrashShape, {5, "key", "way"}, true, folder / "c");
  const Parameters before = crash_parameters(2);
  for (const char* name : {"model.safetensors", "moment1.safetensors", "moment2.safetensors"}) {
    std::string whole = tests::read_file(folder / "c" / name);
    for (size_t byte = 0; byte < whole.size(); byte += 1 + whole.size() / 150) {
      std::string flipped = whole;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << byte % 8));
      folder.write(std::string("c/") + name, flipped);
      Parameters target = crash_parameters(2);
      REQUIRE_THAT(message_of([&] { load_checkpoint(target, kCrashShape, true, folder / "c"); }),
                   has_text(std::string(name) + " is damaged (its hash differs)"));
      REQUIRE(at::equal(target.weights, before.weights));
      REQUIRE(at::equal(target.moment1, before.moment1));
      REQUIRE_THAT(checkpoint_damage(folder / "c", true), has_text(name));
    }
    folder.write(std::string("c/") + name, whole);
  }
  Parameters target = crash_parameters(2);
  CHECK_NOTHROW(load_checkpoint(target, kCrashShape, true, folder / "c"));
}

TEST_CASE("each part of a state that is missing or of another kind is refused with the folder") {
  TempFolder folder;
  publish_checkpoint(crash_parameters(1), kCrashShape, {5, "key", "way"}, true, folder / "c");
  const std::string state = tests::read_file(folder / "c/state.json");
  auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = state;
    size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  for (const std::string& text :
       {replaced("\"step\"", "\"stop\""), replaced("\"key\": \"key\"", "\"key\": 7"),
        replaced("\"trajectory\"", "\"t\""), replaced("\"sha256\"", "\"sha1\""),
        replaced("\"step\": 5", "\"step\": \"5\""), replaced("model.safetensors", "model.bin"),
        replaced("\"version\": 2", "\"version\": 3"), std::string("[]"), std::string()}) {
    folder.write("c/state.json", text);
    Parameters target = crash_parameters(2);
    INFO(text);
    CHECK_THROWS_AS(load_checkpoint(target, kCrashShape, true, folder / "c"), std::runtime_error);
    CHECK_THAT(message_of([&] { load_checkpoint(target, kCrashShape, true, folder / "c"); }),
               has_text((folder / "c").string() + ": "));
    CHECK(at::equal(target.weights, crash_parameters(2).weights));
  }
}

TEST_CASE("a published checkpoint is not written again, whatever the weights are by then") {
  TempFolder folder;
  publish_checkpoint(crash_parameters(1), kCrashShape, {5, "key", "way"}, true, folder / "c");
  auto before = bytes_in(folder / "c");
  publish_checkpoint(crash_parameters(3), kCrashShape, {6, "other", ""}, false, folder / "c");
  CHECK(bytes_in(folder / "c") == before);
}

}  // namespace crosslaw::trainer
