#include "trainer/recipe/checkpoint_state.h"

#include <fmt/format.h>

#include <future>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "db/files/checked_json.h"
#include "db/files/content_hash.h"
#include "db/files/read_file.h"

namespace crosslaw::trainer {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

// 1: one file for both moments, state.json without a hash of itself.
constexpr int kCheckpointVersion = 2;
constexpr const char* kStateFile = "state.json";
constexpr const char* kOwnHash = "state_sha256";

[[noreturn]] void fail(const fs::path& folder, const std::string& reason) {
  throw std::runtime_error(fmt::format("{}: {}", folder.string(), reason));
}

}  // namespace

std::string state_text(const CheckpointState& state) {
  return db::checked_text({{"version", kCheckpointVersion},
                           {"step", state.step},
                           {"key", state.key},
                           {"trajectory", state.trajectory},
                           {"sha256", state.sha256}},
                          kOwnHash);
}

CheckpointState read_checkpoint_state(const fs::path& folder) {
  const std::string text = db::read_file(folder / kStateFile).value_or("");
  const json j = json::parse(text, nullptr, false);
  if (!j.is_object()) fail(folder, fmt::format("{} is missing or damaged", kStateFile));
  try {
    const int version = j.at("version");
    // Older versions are read, newer ones are not guessed at.
    if (version > kCheckpointVersion) {
      fail(folder, fmt::format("checkpoint version {} is newer than this program knows ({})",
                               version, kCheckpointVersion));
    }
    // A version that lost its bits still carries the hash.
    if ((version >= 2 || j.contains(kOwnHash)) && !db::is_checked(text, j, kOwnHash))
      fail(folder, fmt::format("{} is damaged (its hash differs)", kStateFile));
    return {j.at("step"), j.at("key"), j.at("trajectory"), j.at("sha256")};
  } catch (const json::exception& error) {
    fail(folder, fmt::format("{} is damaged: {}", kStateFile, error.what()));
  }
}

void require_checkpoint_files(const CheckpointState& state, const fs::path& folder,
                              bool check_hashes) {
  if (state.sha256.empty()) fail(folder, fmt::format("{} names no file", kStateFile));
  std::vector<std::future<void>> checks;
  for (const auto& [name, hash] : state.sha256) {
    if (!fs::exists(folder / name)) fail(folder, name + " is missing");
    if (!check_hashes) continue;
    // A thread a file: one hashes at about the pace of a fast disk, and there are up to three.
    checks.push_back(std::async(std::launch::async, [&folder, name = name, hash = hash] {
      if (db::sha256_of_file(folder / name) != hash)
        fail(folder, name + " is damaged (its hash differs)");
    }));
  }
  for (std::future<void>& check : checks) check.get();
}

std::string checkpoint_damage(const fs::path& folder, bool check_hashes) {
  try {
    require_checkpoint_files(read_checkpoint_state(folder), folder, check_hashes);
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

}  // namespace crosslaw::trainer
