/** For what an app may do on Forge and the stand-in cannot. */
export const lacks = (what) => new Error(`the stand-in for Forge lacks this: ${what}`);
