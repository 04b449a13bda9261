#include "trainer/recipe/checkpoint_state.h"

#include "db/files/content_hash.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {
namespace {

using tests::message_of;
using tests::TempFolder;

CheckpointState state_of(const std::string& content) {
  return {1234567, "key", "way", {{"model.safetensors", db::sha256(content)}}};
}

}  // namespace

TEST_CASE("a state is read as it was written") {
  TempFolder folder;
  folder.write("state.json", state_text(state_of("weights")));
  const CheckpointState read = read_checkpoint_state(folder.path());
  CHECK(read.step == 1234567);
  CHECK(read.key == "key");
  CHECK(read.trajectory == "way");
  CHECK(read.sha256 == state_of("weights").sha256);
}

TEST_CASE("what is wrong with a checkpoint is told") {
  TempFolder folder;
  CHECK_THAT(checkpoint_damage(folder.path(), false), has_text("state.json is missing"));
  folder.write("model.safetensors", "weights");
  folder.write("state.json", state_text(state_of("weights")));
  CHECK(checkpoint_damage(folder.path(), true).empty());
  folder.write("model.safetensors", "weightz");
  CHECK(checkpoint_damage(folder.path(), false).empty());
  CHECK_THAT(checkpoint_damage(folder.path(), true), has_text("model.safetensors is damaged"));
  std::filesystem::remove(folder / "model.safetensors");
  CHECK_THAT(checkpoint_damage(folder.path(), false), has_text("model.safetensors is missing"));
}

TEST_CASE("every flipped bit and every cut of a state is noticed") {
  TempFolder folder;
  const std::string whole = state_text(state_of("weights"));
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    folder.write("state.json", flipped);
    INFO("bit " << bit << " of " << flipped);
    REQUIRE_THAT(message_of([&] { read_checkpoint_state(folder.path()); }),
                 has_text(folder.path().string() + ": "));
  }
  for (size_t length = 0; length < whole.size(); ++length) {
    folder.write("state.json", whole.substr(0, length));
    REQUIRE_THAT(message_of([&] { read_checkpoint_state(folder.path()); }),
                 has_text("state.json is"));
  }
}

TEST_CASE("a state of version 1, which has no hash of itself, is read; a newer one is refused") {
  TempFolder folder;
  folder.write("state.json",
               R"({"key":"k","sha256":{"a":"b"},"step":7,"trajectory":"t","version":1})");
  CHECK(read_checkpoint_state(folder.path()).step == 7);
  folder.write("state.json", R"({"version":3})");
  CHECK_THAT(message_of([&] { read_checkpoint_state(folder.path()); }),
             has_text("version 3 is newer"));
}

TEST_CASE("a state that is no state, or names what is not there, is damage") {
  TempFolder folder;
  folder.write("model.safetensors", "weights");
  const std::string start = R"({"key":"k","step":7,"trajectory":"t","version":1,"sha256":)";
  for (const auto& [state, damage] : std::vector<std::pair<std::string, std::string>>{
           {"", "state.json is missing or damaged"},
           {"{", "state.json is missing or damaged"},
           {"[]", "state.json is missing or damaged"},
           {"{}", "state.json is damaged"},
           {start + "7}", "state.json is damaged"},
           {start + "{}}", "state.json names no file"},
           {start + R"({"model.safetensors":7}})", "state.json is damaged"},
           {start + R"({"model.safetensors":""}})", "model.safetensors is damaged"},
           {start + R"({"b":"x"}})", "b is missing"}}) {
    folder.write("state.json", state);
    INFO(state);
    CHECK_THAT(checkpoint_damage(folder.path(), true), has_text(damage));
  }
}

}  // namespace crosslaw::trainer
