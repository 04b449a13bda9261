#include "db/files/inside_folder.h"

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::db {
namespace fs = std::filesystem;
namespace {

// A folder to work in, beside a victim that nothing may touch.
struct Place {
  tests::TempFolder temp;
  fs::path home = temp / "home", victim = temp / "victim";
  Place() {
    temp.write("victim/attempt-1/checkpoint-00000001/precious", "kept");
    temp.write("home/runs/here", "x");
  }
  bool victim_is_whole() const {
    return tests::read_file(victim / "attempt-1/checkpoint-00000001/precious") == "kept" &&
           std::distance(fs::directory_iterator(victim), fs::directory_iterator()) == 1;
  }
};

}  // namespace

TEST_CASE("folders are made below, once, and removed with all they hold") {
  const Place place;
  const InsideFolder inside(place.home);
  CHECK(inside.make_folder("runs/a/attempt-1"));
  CHECK_FALSE(inside.make_folder("runs/a/attempt-1"));
  place.temp.write("home/runs/a/attempt-1/deep/er/file", "x");
  CHECK(inside.has_folder("runs/a/attempt-1"));
  CHECK(inside.names("runs/a/attempt-1") == std::vector<std::string>{"deep"});
  CHECK(inside.remove("runs/a"));
  CHECK_FALSE(fs::exists(place.home / "runs/a"));
  CHECK(inside.remove("runs/a"));  // not there: nothing is left
  CHECK(inside.remove("runs/here"));
  CHECK(inside.names("runs").empty());
}

TEST_CASE("no name leads out of the folder") {
  const Place place;
  const InsideFolder inside(place.home);
  for (const char* name :
       {"", "..", "../victim", "runs/../../victim", "/etc", "./runs", "runs/."}) {
    INFO(name);
    CHECK_THROWS_AS(inside.remove(name), std::invalid_argument);
    CHECK_THROWS_AS(inside.make_folder(name), std::invalid_argument);
    CHECK_THROWS_AS(inside.names(name), std::invalid_argument);
  }
  CHECK_THROWS_AS(inside.remove(place.victim.string()), std::invalid_argument);
  CHECK(place.victim_is_whole());
}

TEST_CASE("links are removed, not what they lead to, and never followed") {
  const Place place;
  const InsideFolder inside(place.home);
  fs::create_directory_symlink(place.victim, place.home / "runs/key");
  fs::create_directory_symlink("../../victim", place.home / "runs/relative");
  for (const char* link : {"runs/key", "runs/relative"}) {
    INFO(link);
    CHECK_FALSE(inside.has_folder(link));
    CHECK(inside.names(link).empty());
    CHECK_FALSE(inside.remove(std::string(link) + "/attempt-1/checkpoint-00000001"));
    CHECK_THAT(tests::message_of([&] { inside.make_folder(std::string(link) + "/attempt-2"); }),
               has_text(link) && has_text("a link or a file stands in its way"));
    CHECK(place.victim_is_whole());
    CHECK(inside.remove(link));
    CHECK_FALSE(fs::is_symlink(place.home / link));
  }
  // Inside what is removed, too.
  CHECK(inside.make_folder("runs/a"));
  fs::create_directory_symlink(place.victim, place.home / "runs/a/away");
  CHECK(inside.remove("runs/a"));
  CHECK(place.victim_is_whole());
}

TEST_CASE("a folder that is none is named") {
  const Place place;
  CHECK_THAT(tests::message_of([&] { InsideFolder(place.temp / "nowhere"); }),
             has_text("nowhere: cannot be opened: No such file"));
}

}  // namespace crosslaw::db
