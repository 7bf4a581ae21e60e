# The service of the bench as capnp-rpc needs it.
@0xd6c1c1b7a0f5e2a9;

struct Record {
  id @0 :UInt64;
  name @1 :Text;
  score @2 :Float64;
  active @3 :Bool;
  tags @4 :List(UInt32);
}

interface Sink {
  # What items flow into: one call an item, with flow control.
  item @0 (bytes :Data) -> stream;
  done @1 () -> (items :UInt64);
}

interface Echo {
  text @0 (text :Text) -> (text :Text);
  nap @1 (text :Text) -> (text :Text);
  work @2 (text :Text) -> (text :Text);
  blob @3 (bytes :Data) -> (bytes :Data);
  records @4 (records :List(Record)) -> (records :List(Record));
  download @5 (items :UInt64, sink :Sink) -> ();
  upload @6 () -> (sink :Sink);
}
