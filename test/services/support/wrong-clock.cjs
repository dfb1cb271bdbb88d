/** Preloaded into a program by tests: its clock is CORESIEVE_TEST_CLOCK milliseconds off. The monotonic clock is right, as it is on a machine. */
const off = Number(process.env.CORESIEVE_TEST_CLOCK);
const RealDate = Date;
const now = () => RealDate.now() + off;
globalThis.Date = class WrongDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(now());
    else super(...args);
  }
  static now() {
    return now();
  }
};
