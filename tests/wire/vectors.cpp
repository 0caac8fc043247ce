#include "samples.hpp"

namespace evmesh::wire::test {
namespace {

std::vector<Vector> with_those_of_group_work(std::vector<Vector> all) {
  all.insert(all.begin(), work_vectors().begin(), work_vectors().end());
  return all;
}

}  // namespace

// Made from the tables of the README, not by the encoder.
const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = with_those_of_group_work({
      {"hello",
       "45 4d 01 01 58 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
       "00 00 00 00 00 00 00 00 "
       "01 01 "
       "06 65 76 6d 65 73 68 "
       "06 6e 6f 64 65 2d 31 "
       "02 01 "
       "13 74 63 70 3a 2f 2f 31 30 2e 30 2e 30 2e 31 3a 37 35 32 30 "
       "13 74 63 70 3a 2f 2f 31 30 2e 30 2e 30 2e 31 3a 37 35 32 31 "
       "02 00 06 65 76 65 6e 74 73 04 6a 6d 61 70 "
       "03 00 00 00 00 00 00 00 "
       "28 27 26 25 24 23 22 21"},
      {"welcome",
       "45 4d 01 02 1b 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "06 6e 6f 64 65 2d 32 "
       "13 74 63 70 3a 2f 2f 31 30 2e 30 2e 30 2e 32 3a 37 35 32 30"},
      {"reject",
       "45 4d 01 03 1e 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "03 "
       "11 00 61 20 6c 61 74 65 72 20 6c 69 66 65 20 72 75 6e 73 "
       "28 27 26 25 24 23 22 21 "
       "01 01"},
      {"heartbeat",
       "45 4d 01 04 4a 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "09 00 00 00 00 00 00 00 "
       "08 00 00 00 00 00 00 00 "
       "03 00 00 00 00 00 00 00 "
       "28 27 26 25 24 23 22 21 "
       "38 37 36 35 34 33 32 31 "
       "02 00 00 00 05 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00 00 "
       "01 00 00 00 07 00 00 00 00 00 00 00"},
      {"ping",
       "45 4d 01 05 08 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "28 27 26 25 24 23 22 21"},
      {"pong",
       "45 4d 01 06 08 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "28 27 26 25 24 23 22 21"},
      {"probe",
       "45 4d 01 07 20 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb ec ed ee ef "
       "04 00 00 00 00 00 00 00 "
       "28 27 26 25 24 23 22 21"},
      {"probe_answer",
       "45 4d 01 08 25 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb ec ed ee ef "
       "04 00 00 00 00 00 00 00 "
       "28 27 26 25 24 23 22 21 "
       "01 78 00 00 00"},
      {"members",
       "45 4d 01 09 55 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "02 00 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "06 00 00 00 00 00 00 00 "
       "00 00 01 "
       "06 6e 6f 64 65 2d 32 "
       "13 74 63 70 3a 2f 2f 31 30 2e 30 2e 30 2e 32 3a 37 35 32 30 "
       "e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb ec ed ee ef "
       "04 00 00 00 00 00 00 00 "
       "03 01 00 "
       "00 "
       "00"},
      {"goodbye",
       "45 4d 01 0a 11 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "00 60 ea 00 00 "
       "01 00 00 00 05 00 00 00 00 00 00 00"},
      {"fenced",
       "45 4d 01 0b 08 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "28 27 26 25 24 23 22 21"},
      {"one_way",
       "45 4d 01 0c 14 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "13 74 63 70 3a 2f 2f 31 30 2e 30 2e 30 2e 31 3a 37 35 32 30"},
      {"forget",
       "45 4d 01 0d 10 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb ec ed ee ef"},
      {"announce",
       "45 4d 01 14 3c 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "02 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00 "
       "00 00 00 00 01 00 00 00 "
       "01 00 01 00 "
       "02 00 00 00 48 47 46 45 44 43 42 41 58 57 56 55 54 53 52 51 "
       "01 00 00 00 68 67 66 65 64 63 62 61"},
      {"announce_ack",
       "45 4d 01 15 1e 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "03 00 00 00 00 00 00 00 "
       "02 00 00 00 05 00 00 00 00 00 00 00 01 00 06 00 00 00 00 00 00 00"},
      {"announce_request",
       "45 4d 01 16 08 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "02 00 00 00 00 00 00 00"},
      {"subscribe",
       "45 4d 01 1e 13 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "01 00 "
       "01 29 00 00 00 00 00 00 00 "
       "03 00 00 00 00 00 00 00"},
      {"notify",
       "45 4d 01 1f 75 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
       "00 00 00 00 00 00 00 00 "
       "01 00 "
       "02 "
       "29 00 00 00 00 00 00 00 "
       "2c 00 00 00 00 00 00 00 "
       "01 00 00 00 "
       "02 00 00 00 56 00 00 00 "
       "01 01 "
       "01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 "
       "40 22 22 46 48 47 06 00 "
       "05 41 64 64 65 64 "
       "03 62 6f 62 "
       "02 00 0c 4d 61 69 6c 62 6f 78 49 64 3a 34 32 08 55 73 65 72 3a 62 6f 62 "
       "01 0b 00 74 72 61 63 65 70 61 72 65 6e 74 04 00 30 30 2d 31 "
       "02 00 00 00 7b 7d"},
      {"gap",
       "45 4d 01 20 13 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "01 00 "
       "00 "
       "2a 00 00 00 00 00 00 00 "
       "2c 00 00 00 00 00 00 00"},
      {"repair",
       "45 4d 01 21 12 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "01 00 "
       "29 00 00 00 00 00 00 00 "
       "2c 00 00 00 00 00 00 00"},
      {"report",
       "45 4d 01 22 16 00 00 00 "
       "a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af "
       "08 07 06 05 04 03 02 01 "
       "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd ce cf "
       "18 17 16 15 14 13 12 11 "
       "02 00 00 00 29 00 00 00 00 00 00 00 01 00 2c 00 00 00 00 00 00 00"},
      {"event",
       "01 01 "
       "01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 "
       "40 22 22 46 48 47 06 00 "
       "05 41 64 64 65 64 "
       "03 62 6f 62 "
       "02 00 0c 4d 61 69 6c 62 6f 78 49 64 3a 34 32 08 55 73 65 72 3a 62 6f 62 "
       "01 0b 00 74 72 61 63 65 70 61 72 65 6e 74 04 00 30 30 2d 31 "
       "02 00 00 00 7b 7d"},
  });
  return all;
}

}  // namespace evmesh::wire::test
