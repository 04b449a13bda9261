#include "trainer/recipe/nest.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::trainer {

TEST_CASE("a request of a nest is read as it was written") {
  const NestRequest asked{"/a b/\"config\".json", "/log \xC3\xA9", {0, 7}};
  const NestRequest read = request_of(to_packet(asked));
  CHECK(read.config_file == asked.config_file);
  CHECK(read.log_file == asked.log_file);
  CHECK(read.cpus == asked.cpus);
}

TEST_CASE("what is no request is refused") {
  for (const char* packet : {"", "{}", "[1]", R"({"config":1,"log":"","cpus":[]})", "config"}) {
    CHECK_THAT(tests::message_of([&] { request_of(packet); }), has_text("not a request of a nest"));
  }
}

TEST_CASE("a nest says that it is ready, answers with process ids and ends with its input") {
  std::array<int, 2> ends{};
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) == 0);
  const pid_t nest = fork();
  if (nest == 0) {
    close(ends[0]);
    std::string arguments = "program " + std::string(kNestRoomBytes, ' ');
    arguments[7] = '\0';
    serve_nest(ends[1], arguments, [](const std::filesystem::path&) { return 4; });
    _exit(9);
  }
  close(ends[1]);
  std::array<char, 64> packet{};
  auto receive = [&] {
    return std::string(packet.data(), static_cast<size_t>(recv(ends[0], packet.data(), 64, 0)));
  };
  CHECK(receive() == kNestReady);
  for (int i = 0; i < 3; ++i) {
    const std::string request = to_packet({"/config", "/dev/null", {}});
    REQUIRE(send(ends[0], request.data(), request.size(), 0) > 0);
    CHECK(std::stol(receive()) > nest);
    REQUIRE(send(ends[0], kNestGo.data(), kNestGo.size(), 0) > 0);
  }
  close(ends[0]);
  int status = 0;
  waitpid(nest, &status, 0);
  CHECK(WEXITSTATUS(status) == 9);
}

// Its launcher was killed before it could note the number.
TEST_CASE("a nest's process that is not let go does nothing") {
  const auto file = std::filesystem::temp_directory_path() / ("nest-" + std::to_string(getpid()));
  std::array<int, 2> ends{};
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) == 0);
  const pid_t nest = fork();
  if (nest == 0) {
    close(ends[0]);
    std::string arguments = "program " + std::string(kNestRoomBytes, ' ');
    arguments[7] = '\0';
    serve_nest(ends[1], arguments, [](const std::filesystem::path& config) {
      std::ofstream(config) << "ran";
      return 0;
    });
    _exit(9);
  }
  close(ends[1]);
  std::array<char, 64> packet{};
  REQUIRE(recv(ends[0], packet.data(), 64, 0) > 0);
  const std::string request = to_packet({file.string(), "/dev/null", {}});
  REQUIRE(send(ends[0], request.data(), request.size(), 0) > 0);
  REQUIRE(recv(ends[0], packet.data(), 64, 0) > 0);
  close(ends[0]);
  waitpid(nest, nullptr, 0);
  usleep(50'000);
  CHECK_FALSE(std::filesystem::exists(file));
}

}  // namespace crosslaw::trainer
