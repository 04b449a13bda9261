#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace crosslaw::trainer {

// To resume from; the second in case that the first is damaged.
inline constexpr std::size_t kResumePointsKept = 2;

// state.json of a checkpoint: which state of which run it is, and the hash of every other file.
struct CheckpointState {
  int64_t step = 0;
  std::string key;         // run_key of the run that wrote it
  std::string trajectory;  // its trajectory_key; empty once its cooldown has begun
  std::map<std::string, std::string> sha256;  // by file name
};

// state.json ends with a hash of itself, so that no bit of it can change unnoticed.
std::string state_text(const CheckpointState& state);

// Throws std::runtime_error naming the folder when state.json is missing, damaged or of a newer
// version. The other files are not looked at.
CheckpointState read_checkpoint_state(const std::filesystem::path& folder);

// Throws std::runtime_error when a file that the state names is missing or, if asked to look, its
// content has another hash. Files are hashed side by side.
void require_checkpoint_files(const CheckpointState& state, const std::filesystem::path& folder,
                              bool check_hashes);

// The same as a sentence: why a checkpoint's folder cannot be used; empty: it can.
std::string checkpoint_damage(const std::filesystem::path& folder, bool check_hashes);

}  // namespace crosslaw::trainer
