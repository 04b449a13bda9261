#include "sweep/schedule/requests.h"

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::sweep {

TEST_CASE("what was asked for is given once, in the order of asking") {
  tests::TempFolder folder;
  CHECK(take_requests(folder.path()).empty());
  const std::string key(64, 'a'), other(64, '7');
  make_request(folder.path(), {RequestKind::kCancel, key});
  make_request(folder.path(), {RequestKind::kRetry, other});
  make_request(folder.path(), {RequestKind::kCancel, key});
  make_request(folder.path(), {RequestKind::kStop, ""});
  const auto requests = take_requests(folder.path());
  REQUIRE(requests.size() == 3);
  CHECK(requests.back().kind == RequestKind::kStop);
  for (const Request& request : requests) {
    if (request.kind == RequestKind::kCancel) CHECK(request.key == key);
    if (request.kind == RequestKind::kRetry) CHECK(request.key == other);
  }
  CHECK(take_requests(folder.path()).empty());
}

TEST_CASE("a file of another form is no request and stays") {
  tests::TempFolder folder;
  for (const char* name : {"stop.tmp", "cancel-", "cancel-..", "retry-XYZ", "stop-all", "halt"})
    folder.write(std::string("requests/") + name, "");
  folder.write("requests/cancel-" + std::string(65, 'a'), "");
  CHECK(take_requests(folder.path()).empty());
  CHECK(std::filesystem::exists(folder / "requests/halt"));
}

}  // namespace crosslaw::sweep
